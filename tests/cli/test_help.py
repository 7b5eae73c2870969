import importlib
import subprocess
import sys

import click
import pytest
from tree import ROOT

from mallku.cli import COMMANDS, cli


def test_help_loads_no_command_and_nothing_heavy():
    code = (
        "import sys; from mallku.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('rich', 'pydantic', 'openai', 'sqlalchemy', 'numpy', 'llama_cpp', 'structlog', 'asyncio', 'mallku.firecircle')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert answer.stdout.splitlines()[-1] == "[]"
    assert all(name in answer.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_in_the_table_is_there_and_documents_itself(name):
    module, _, attribute = COMMANDS[name][0].partition(":")
    command = getattr(importlib.import_module(module), attribute)

    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help
    assert [option.name for option in command.params if isinstance(option, click.Option) and not option.help] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_shows_its_help(name, capsys):
    cli.main(args=[name, "--help"], prog_name="mallku", standalone_mode=False)

    assert f"Usage: mallku {name}" in capsys.readouterr().out
