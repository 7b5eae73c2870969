import re

import pytest
from tree import ROOT

from mallku.assembly.config import CircleFile, SeatEntry, parse_circle
from mallku.assembly.settings import Settings
from mallku.cli import COMMANDS

CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
TERMINAL = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")


def test_the_example_of_a_circle_file_is_one():
    examples = re.findall(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL)

    assert [len(parse_circle(example).seats) for example in examples] == [3]


@pytest.mark.parametrize("name", [*CircleFile.model_fields, *SeatEntry.model_fields])
def test_every_setting_of_the_file_is_described(name):
    assert f"`{name}`" in CONFIGURATION


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_of_the_environment_is_described(name):
    assert f"`MALLKU_{name.upper()}`" in CONFIGURATION


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described(name):
    assert re.search(rf"`{name}\b", TERMINAL)
