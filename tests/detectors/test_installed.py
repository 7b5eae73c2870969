"""A detector that another package brings, installed as packages are."""

import os
import subprocess
import sys
import zipfile

import pytest

MODULE = """
from mallku.dialogue.score import Evidence, Score


class Curiosity:
    dimension = "curiosity"

    def judge(self, turn):
        asked = turn.statement.text.count("?")
        return Score(dimension="curiosity", value=float(asked > 0), raw=float(asked > 0), detector="curiosity/1",
                     evidence=(Evidence(label="asks", contribution=float(asked > 0)),))
"""
CIRCLE = """
import asyncio
from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.testing import ScriptedParticipant

circle = FireCircle(plan=Plan(rounds=(RoundPlan(kind="opening"),), decision=DecisionPlan(rule="none")), journal=":memory:", seed=1)
circle.add_participant(ScriptedParticipant(["Who keeps the keys?"]), name="Ada")
print(asyncio.run(circle.deliberate("Keys?")).mean_scores()["curiosity"])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder into which pip has installed a wheel with a detector."""
    place = tmp_path_factory.mktemp("site")
    wheel = place / "asking-1.0-py3-none-any.whl"
    info = "asking-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("asking.py", MODULE)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: asking\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[mallku.detectors]\ncuriosity = asking:Curiosity\n")
        archive.writestr(f"{info}/RECORD", "")
    target = place / "target"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    return target


def python(installed, *arguments, **given):
    path = os.pathsep.join([str(installed), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True, env=environment, **given)


def test_a_circle_scores_with_an_installed_detector(installed):
    done = python(installed, "-c", CIRCLE)
    assert done.stdout.strip() == "1.0", done.stderr


def test_the_command_scores_with_an_installed_detector(installed, tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text('{"id": "a", "text": "Who keeps the keys?"}\n', encoding="utf-8")
    done = python(installed, "-m", "mallku", "score", str(file), "--format", "jsonl")
    assert '"curiosity": 1.0' in done.stdout, done.stderr
