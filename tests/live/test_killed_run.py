"""The command with the bundled model, killed at any moment and resumed: nothing said is lost, repeated or changed."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("llama_cpp")

ROOT = Path(__file__).parents[2]
QUESTION = "Should the village share its weather data?"
SEATS = [argument for name in ("Ada", "Ben", "Cho") for argument in ("--seat", f"{name}=tiny")]
MOST_STATEMENTS = 9


def mallku(*arguments, stop_at=None):
    """Run the command with `--json`; kill it once `stop_at` statements, ballots or pieces of them have come. Return its events."""
    command = [sys.executable, "-m", "mallku", *arguments, "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    events, counted = [], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        for line in child.stdout:
            events.append(json.loads(line))
            counted += events[-1]["kind"] in {"turn_delta", "statement_made", "ballot_cast"}
            if stop_at is not None and counted >= stop_at:
                child.send_signal(signal.SIGKILL)
                break
        errors = child.stderr.read()
    return events, child.returncode, errors


def said(events):
    return {event["turn"]: event["text"] for event in events if event["kind"] == "statement_made"}


def cast(events):
    return {event["turn"]: event["ballot"] for event in events if event["kind"] == "ballot_cast"}


@pytest.mark.live
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_at_any_moment_is_finished_with_nothing_lost_repeated_or_changed(tmp_path, seed):
    journal = str(tmp_path / "j.sqlite")
    first, code, errors = mallku("deliberate", QUESTION, *SEATS, "--journal", journal, stop_at=random.Random(seed).randrange(1, 160))
    assert code == -signal.SIGKILL, errors
    deliberation = next(event["deliberation"] for event in first if event["kind"] == "deliberation_convened")

    rest, code, errors = mallku("resume", deliberation, "--journal", journal)
    assert code == 0, errors
    shown = subprocess.run(
        [sys.executable, "-m", "mallku", "show", deliberation, "--journal", journal, "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout

    before, after = said(first), said(rest)
    assert rest[-1]["kind"] == "deliberation_ended"
    assert not before.keys() & after.keys()
    assert not cast(first).keys() & cast(rest).keys()
    assert len(before | after) == MOST_STATEMENTS
    for text in (before | after).values():
        assert json.dumps(text)[1:-1] in shown or json.dumps(text, ensure_ascii=False)[1:-1] in shown
