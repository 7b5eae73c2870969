"""Scoring: the panel of detectors judges statements beside the deliberation, never in its way."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from mallku.detectors import JudgedTurn, Panel
from mallku.detectors.judge import occasion, opinion
from mallku.dialogue.participant import Participant
from mallku.dialogue.response import Timings, Usage
from mallku.dialogue.score import Score, TurnScores
from mallku.dialogue.transcript import Statement
from mallku.errors import MallkuError
from mallku.events import kinds
from mallku.firecircle.asking import ON_THIS_MACHINE
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.seat import Seat, derived_seed
from mallku.firecircle.state import CONVENER
from mallku.meters import Meter


class JudgeSeat:
    """A participant outside the circle that reads some of the statements a second time."""

    def __init__(self, judge: Participant, authors: Mapping[str, Seat], *, seed: int, meter: Meter | None = None) -> None:
        self._judge = judge
        self._authors = authors
        self._seed = seed
        self._meter = meter

    async def read(self, turn: JudgedTurn, scores: TurnScores) -> dict[str, Any]:
        """Return the fields of `TurnScored`, after a second opinion where there is an occasion. A judge that fails changes nothing."""
        said = turn.statement
        why = occasion(turn, scores, draw=derived_seed(self._seed, f"audit.{said.turn}", 1) % 10_000 / 10_000)
        if not why:
            return {"scores": scores.scores}
        location = self._judge.facts.location
        window = self._meter.begin(in_process=location == "in-process") if self._meter and location in ON_THIS_MACHINE else None
        usage, timings, found = Usage(), Timings(), scores.scores
        try:
            given = await opinion(turn, scores, self._judge, author=self._authors[said.seat].participant)
            found, told, usage, timings = given.scores.scores, given.told, given.usage, given.timings
        except MallkuError as error:
            told = f"it could not be asked: {type(error).__name__}"
        finally:
            if self._meter and window:
                timings = self._meter.end(window, timings)
        return {"scores": found, "judge": f"Asked because {why}; {told}.", "usage": usage, "timings": timings}


class Scoring:
    """Has every statement judged once and records the scores."""

    def __init__(self, recorder: Recorder, panel: Panel, *, judge: JudgeSeat | None = None) -> None:
        self._recorder = recorder
        self._panel = panel
        self._judge_seat = judge
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
        state = self._recorder.state
        facts: list[tuple[type[Any], dict[str, Any]]] = []
        for place in places:
            said = state.transcript.statements[place]
            turn = JudgedTurn(statement=said, previous=self._heard(place), question=state.transcript.question, seats=state.seats)
            await self._panel.prepare(turn)
            scores = self._panel.judge(turn)
            found = await self._judge_seat.read(turn, scores) if self._judge_seat else {"scores": scores.scores}
            found["scores"] = tuple(self._wished(said.seat, score) for score in found["scores"])
            facts.append((kinds.TurnScored, {"turn": said.turn, "seat": said.seat, **found}))
            await asyncio.sleep(0)
            if found.get("judge"):
                # A judge takes its time: what is known by now is told before the next statement is read.
                await self._recorder.record_all(facts)
                facts = []
        if facts:
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
