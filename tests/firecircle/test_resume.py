"""A deliberation that is killed at any moment and resumed ends as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from scripted_child import circle

from mallku.firecircle.deliberation import Deliberation
from mallku.journal import open_journal

CHILD = Path(__file__).with_name("scripted_child.py")
KILLS = 12


def run_child(journal, deliberation="", *, kill_after=None):
    """Run the child; kill it once it has told `kill_after` events."""
    command = [sys.executable, str(CHILD), str(journal), *([deliberation] if deliberation else [])]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        told = 0
        for _ in child.stdout:
            told += 1
            if kill_after is not None and told >= kill_after:
                child.send_signal(signal.SIGKILL)
                break
        rest = child.stderr.read()
        child.wait()
    return child.returncode, told, rest


async def recorded(journal):
    async with await open_journal(journal) as opened:
        summaries = await opened.deliberations()
        assert len(summaries) == 1
        return Deliberation.from_events(await opened.events(summaries[0].id))


def said(deliberation):
    return [(s.turn, s.text) for s in deliberation.statements]


def votes(deliberation):
    return {stage: record.cast for stage, record in deliberation.ballots.items()}


@pytest.fixture
async def undisturbed():
    return await circle(":memory:").deliberate("Should we open our weather data?")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kills", [4, pytest.param(KILLS, marks=pytest.mark.slow)])
async def test_killed_at_random_points_it_loses_repeats_and_changes_nothing(tmp_path, undisturbed, kills):
    total = len(undisturbed.events)
    lottery = random.Random(7)
    for number in range(kills):
        journal = tmp_path / f"{number}.sqlite"
        first = lottery.randrange(1, total - 1)
        code, _, _ = run_child(journal, kill_after=first)
        assert code == -signal.SIGKILL
        before = await recorded(journal)
        if number % 3 == 0 and before.state.ended is None:
            run_child(journal, before.id, kill_after=lottery.randrange(1, 12))
        code, _, errors = run_child(journal, before.id)
        assert code == 0, errors
        after = await recorded(journal)

        assert after.status == "complete"
        assert set(said(before)) <= set(said(after))
        assert max(Counter(turn for turn, _ in said(after)).values()) == 1
        assert said(after) == said(undisturbed)
        assert votes(after) == votes(undisturbed)
        assert after.verdict == undisturbed.verdict


async def test_resuming_what_has_ended_changes_nothing(tmp_path):
    journal = tmp_path / "j.sqlite"
    code, _, errors = run_child(journal)
    assert code == 0, errors
    before = await recorded(journal)
    code, told, _ = run_child(journal, before.id)

    assert (code, told) == (0, 0)
    assert (await recorded(journal)).events == before.events


async def test_the_chain_holds_after_a_kill_and_a_resume(tmp_path):
    journal = tmp_path / "j.sqlite"
    run_child(journal, kill_after=20)
    before = await recorded(journal)
    run_child(journal, before.id)
    async with await open_journal(journal) as opened:
        verification = await opened.verify(before.id)

    assert verification.intact, verification
