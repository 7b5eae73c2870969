"""Scoring: the panel of detectors judges statements beside the deliberation, never in its way."""

import asyncio

from mallku.detectors import JudgedTurn, Panel
from mallku.dialogue.transcript import Statement
from mallku.events import kinds
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.state import CONVENER


class Scoring:
    """Has every statement judged once and records the scores."""

    def __init__(self, recorder: Recorder, panel: Panel) -> None:
        self._recorder = recorder
        self._panel = panel
        self._judging: dict[str, asyncio.Task[None]] = {}

    def begin(self) -> None:
        """Start judging every statement that has no scores yet."""
        state = self._recorder.state
        for place, statement in enumerate(state.transcript.statements):
            is_due = statement.turn not in state.scores and statement.turn not in self._judging and statement.seat != CONVENER
            if is_due:
                task = asyncio.get_running_loop().create_task(self._judge(place), name=f"scores of {statement.turn}")
                self._judging[statement.turn] = task

    async def finish(self) -> None:
        """Wait until everything begun has been judged and recorded."""
        await asyncio.gather(*self._judging.values())

    async def abandon(self) -> None:
        """Stop judging; what is missing is judged when the deliberation is resumed."""
        for task in self._judging.values():
            task.cancel()
        await asyncio.gather(*self._judging.values(), return_exceptions=True)

    async def _judge(self, place: int) -> None:
        state = self._recorder.state
        statement = state.transcript.statements[place]
        turn = JudgedTurn(
            statement=statement,
            previous=self._heard(place),
            question=state.transcript.question,
            seats=state.seats,
        )
        scores = self._panel.judge(turn).scores
        await self._recorder.record(kinds.TurnScored, turn=statement.turn, seat=statement.seat, scores=scores)

    def _heard(self, place: int) -> tuple[Statement, ...]:
        """Return what the speaker could have heard: nothing of its own round where all spoke at once."""
        state = self._recorder.state
        statement = state.transcript.statements[place]
        opened = state.rounds.get(statement.round_index)
        earlier = state.transcript.statements[:place]
        if opened is not None and opened.simultaneous:
            return tuple(said for said in earlier if said.round_index < statement.round_index)
        return earlier
