"""The result of a deliberation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mallku.dialogue.score import Score
from mallku.dialogue.transcript import Statement, Transcript
from mallku.dialogue.verdict import Verdict
from mallku.events.kinds import AnyEvent, BallotStage
from mallku.firecircle.state import BallotRecord, DeliberationState, fold

if TYPE_CHECKING:
    from mallku.firecircle.minutes import Minutes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Deliberation:
    """One run: question, transcript, scores, ballots, verdict. `str()` of it is its minutes."""

    id: str
    """Id under which the journal keeps it."""
    events: tuple[AnyEvent, ...]
    """Everything that happened, in order."""
    state: DeliberationState
    """The events, folded."""

    @classmethod
    def from_events(cls, events: list[AnyEvent]) -> "Deliberation":
        """Fold recorded events into a deliberation."""
        return cls(id=events[0].deliberation, events=tuple(events), state=fold(events))

    @property
    def question(self) -> str:
        """What the circle deliberated on."""
        return self.state.transcript.question

    @property
    def transcript(self) -> Transcript:
        """Everything that was said."""
        return self.state.transcript

    @property
    def statements(self) -> tuple[Statement, ...]:
        """The statements, oldest first."""
        return self.state.transcript.statements

    @property
    def status(self) -> str:
        """`complete`, `degraded`, `failed` or `stopped`; `interrupted` or `open` if it has not ended."""
        if self.state.ended:
            return self.state.ended.status
        return "interrupted" if self.state.interrupted else "open"

    @property
    def reason(self) -> str:
        """Why it ended there, or empty."""
        return self.state.ended.reason if self.state.ended else ""

    @property
    def verdict(self) -> Verdict | None:
        """The outcome, or None if no final ballot was counted."""
        return self._verdict("final")

    @property
    def verdict_before(self) -> Verdict | None:
        """What the same circle would have decided before the exchange, or None if there was no such ballot."""
        return self._verdict("before")

    @property
    def ballots(self) -> dict[BallotStage, BallotRecord]:
        """The ballots by stage."""
        return self.state.ballots

    @property
    def scores(self) -> dict[str, tuple[Score, ...]]:
        """Scores by turn."""
        return self.state.scores

    @property
    def minutes(self) -> "Minutes":
        """What a reader who was not there needs to know, each claim with the turns it rests on."""
        from mallku.firecircle.minutes import take_minutes

        return take_minutes(self.events)

    def __repr__(self) -> str:
        """Return a short description."""
        return f"<Deliberation {self.id}: {self.status}, {len(self.statements)} statements on {self.question[:60]!r}>"

    def __str__(self) -> str:
        """Return the minutes as Markdown."""
        from mallku.firecircle.minutes import to_markdown

        return to_markdown(self.minutes)

    def mean_scores(self) -> dict[str, float]:
        """Return the circle's mean of each scored dimension, seats weighted by their `score_weight`; unscored turns do not count."""
        weights = {seat.name: seat.score_weight for seat in self.state.convened.seats} if self.state.convened else {}
        seats = {statement.turn: statement.seat for statement in self.statements}
        sums: dict[str, list[float]] = {}
        for turn, scores in self.scores.items():
            weight = weights.get(seats.get(turn, ""), 1.0)
            for score in scores:
                if score.value is not None and weight > 0:
                    total = sums.setdefault(score.dimension, [0.0, 0.0])
                    total[0] += weight * score.value
                    total[1] += weight
        return {dimension: total / weight for dimension, (total, weight) in sums.items()}

    def _verdict(self, stage: BallotStage) -> Verdict | None:
        record = self.state.ballots.get(stage)
        return record.counted.verdict if record and record.counted else None
