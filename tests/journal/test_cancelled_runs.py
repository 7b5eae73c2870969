"""A run that is cancelled at any moment records its interruption, and goes on from there."""

import asyncio

from mallku.firecircle import FireCircle
from mallku.journal import open_journal
from mallku.testing import ScriptedParticipant


def _circle(journal):
    circle = FireCircle(journal=journal, seed=3)
    for name in ("Ada", "Ben", "Cleo"):
        circle.add_participant(ScriptedParticipant([f"{name} one.", f"{name} two.", f"{name} three."]), name=name)
    return circle


async def test_a_run_cancelled_at_any_moment_is_interrupted_and_can_be_resumed(tmp_path):
    interrupted = 0
    async with await open_journal(tmp_path / "journal.db") as journal:
        for moment in range(12):
            running = asyncio.create_task(_circle(journal).deliberate(f"What of {moment}?", options=["yes", "no"]))
            for _ in range(6 * moment + 2):
                await asyncio.sleep(0.001)
            running.cancel()
            (outcome,) = await asyncio.gather(running, return_exceptions=True)

            assert isinstance(outcome, asyncio.CancelledError) or outcome.status == "complete", outcome
        for summary in await journal.deliberations():
            if summary.status == "interrupted":
                interrupted += 1
                finished = await _circle(journal).resume(summary.id)
                turns = [statement.turn for statement in finished.statements]

                assert finished.status == "complete"
                assert len(turns) == len(set(turns)) == 9
            assert (await journal.verify(summary.id)).intact
    assert interrupted >= 1
