"""Scoring: the panel of detectors judges statements beside the deliberation, never in its way."""

import asyncio
from collections.abc import Sequence

from mallku.detectors import JudgedTurn, Panel
from mallku.dialogue.score import Score
from mallku.dialogue.transcript import Statement
from mallku.events import kinds
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.state import CONVENER


class Scoring:
    """Has every statement judged once and records the scores."""

    def __init__(self, recorder: Recorder, panel: Panel) -> None:
        self._recorder = recorder
        self._panel = panel
        self._taken_up: set[str] = set()
        self._judging: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Start judging every statement that has no scores yet."""
        state = self._recorder.state
        due = [
            place
            for place, said in enumerate(state.transcript.statements)
            if said.turn not in state.scores and said.turn not in self._taken_up and said.seat != CONVENER
        ]
        if due:
            self._taken_up |= {state.transcript.statements[place].turn for place in due}
            self._judging.add(asyncio.get_running_loop().create_task(self._judge(due), name="scores"))

    async def finish(self) -> None:
        """Judge what is left, and wait until everything has been judged and recorded."""
        self.begin()
        await asyncio.gather(*self._judging)

    async def abandon(self) -> None:
        """Stop judging; what is missing is judged when the deliberation is resumed."""
        for task in self._judging:
            task.cancel()
        await asyncio.gather(*self._judging, return_exceptions=True)

    async def _judge(self, places: Sequence[int]) -> None:
        """Judge statements one by one, letting others run in between, and record their scores together."""
        state, facts = self._recorder.state, []
        for place in places:
            said = state.transcript.statements[place]
            turn = JudgedTurn(statement=said, previous=self._heard(place), question=state.transcript.question, seats=state.seats)
            scores = tuple(self._wished(said.seat, score) for score in self._panel.judge(turn).scores)
            facts.append((kinds.TurnScored, {"turn": said.turn, "seat": said.seat, "scores": scores}))
            await asyncio.sleep(0)
        await self._recorder.record_all(facts)

    def _wished(self, seat: str, score: Score) -> Score:
        convened = self._recorder.state.convened
        untracked = [facts.name for facts in convened.seats if not facts.track_reciprocity] if convened else []
        if score.dimension == "reciprocity" and seat in untracked:
            return Score.unscored(score.dimension, "reciprocity is not tracked for this seat", detector=score.detector)
        return score

    def _heard(self, place: int) -> tuple[Statement, ...]:
        """Return what the speaker could have heard: nothing of its own round where all spoke at once."""
        state = self._recorder.state
        statement = state.transcript.statements[place]
        opened = state.rounds.get(statement.round_index)
        earlier = state.transcript.statements[:place]
        if opened is not None and opened.simultaneous:
            return tuple(said for said in earlier if said.round_index < statement.round_index)
        return earlier
