"""The commands of docs/server.md run as they stand there, against the bundled model."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from support.server_thread import running

from mallku.server.app import create_app
from mallku.server.settings import ServerSettings

PAGE = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
COMMANDS = [
    command
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for command in block.replace("\\\n", " ").splitlines()
    if command.strip()
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    journal = tmp_path_factory.mktemp("journal") / "journal.db"
    settings = ServerSettings(port=0, grace_s=1, threads=1, models=("tiny",), journal=str(journal))
    with running(create_app(settings), settings) as address:
        yield address


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_the_page_are_answered(address):
    assert len(COMMANDS) > 10
    for command in COMMANDS:
        arguments = shlex.split(command.replace("http://127.0.0.1:8642", address))
        answer = subprocess.run(
            [*arguments, "--fail-with-body", "--noproxy", "*"], capture_output=True, text=True, check=False, timeout=100
        )

        assert answer.returncode == 0, f"{command}\n{answer.stdout}{answer.stderr}"
        if "-sN" in arguments:
            assert answer.stdout.endswith("data: [DONE]\n\n")
        else:
            assert "error" not in json.loads(answer.stdout) or json.loads(answer.stdout)["error"] is None


def test_every_route_of_the_server_is_on_its_page():
    app = create_app(ServerSettings(models=("tiny",)))
    described = app.openapi()["paths"]

    assert [path for path in described if path.replace("{id}", "ID").replace("{seat}", "SEAT").replace("{model}", "tiny") not in PAGE] == []
