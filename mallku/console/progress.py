"""What is going on right now, folded from the events: who speaks, what has arrived so far, how far the plan has come."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from mallku.events import kinds
from mallku.events.kinds import AnyEvent
from mallku.firecircle.state import DeliberationState

Doing = Literal[
    "waits", "is asked", "thinks", "speaks", "spoke", "passed", "failed", "is lost", "votes", "voted", "chooses", "dissents", "sums up"
]
"""What a seat does."""


_OTHER_TURNS: Final[dict[str, Doing]] = {"dissent": "dissents", "summary": "sums up"}


@dataclass(slots=True)
class SeatProgress:
    """One seat as the view shows it."""

    name: str
    """Name of the seat."""
    place: int
    """Its place in the circle, from 0."""
    doing: Doing = "waits"
    """What it does."""
    turn: str = ""
    """The turn it is in, or was in last."""
    text: str = ""
    """What has arrived of its statement."""
    pieces: int = 0
    """Pieces that have arrived in this turn."""
    since: datetime | None = None
    """When it was asked."""
    latest: dict[str, float | None] = field(default_factory=dict)
    """Its latest scores by dimension."""

    @property
    def is_busy(self) -> bool:
        """Whether it was asked and has not answered yet."""
        return self.doing in {"is asked", "thinks", "speaks", "votes", "chooses", "dissents", "sums up"}


class Progress:
    """The deliberation as far as it has come, with what passes by and is not recorded."""

    def __init__(self) -> None:
        self.state = DeliberationState()
        """The recorded events, folded."""
        self.seats: dict[str, SeatProgress] = {}
        """The seats by name, in order."""
        self.round: kinds.RoundOpened | None = None
        """The round that is open or was open last."""
        self.ballot: kinds.BallotOpened | None = None
        """The ballot that is open."""
        self.pieces = 0
        """Pieces of text that have arrived in all."""
        self.loading: kinds.ModelLoading | None = None
        """The model that is being loaded."""

    def apply(self, event: AnyEvent) -> None:
        """Take the next event into account. Events from before it was made may be given first, all in order."""
        self.state.apply(event)
        match event:
            case kinds.DeliberationConvened():
                self.seats = {seat.name: SeatProgress(name=seat.name, place=place) for place, seat in enumerate(event.seats)}
            case kinds.RoundOpened():
                self.round, self.ballot = event, None
                for seat in self.seats.values():
                    if seat.doing != "is lost":
                        seat.doing, seat.text = "waits", ""
            case kinds.BallotOpened():
                self.ballot = event
                for seat in self.seats.values():
                    if seat.doing != "is lost":
                        seat.doing, seat.text = "waits", ""
            case kinds.BallotCounted():
                self.ballot = None
            case kinds.ModelLoading():
                self.loading = None if event.progress >= 1 else event
            case _:
                self._of_seat(event)

    def _of_seat(self, event: AnyEvent) -> None:
        match event:
            case kinds.TurnOpened():
                self._begin(event)
            case kinds.TurnDelta():
                self._hear(event)
            case kinds.StatementMade():
                self._set(event.seat, "spoke")
            case kinds.TurnPassed():
                self._set(event.seat, "passed")
            case kinds.TurnFailed():
                self._set(event.seat, "waits" if event.will_retry else "failed")
            case kinds.BallotCast():
                self._set(event.ballot.seat, "voted")
            case kinds.BallotSpoiled():
                self._set(event.spoiled.seat, "failed")
            case kinds.DissentRecorded() | kinds.SummaryWritten():
                self._set(event.seat, "spoke")
            case kinds.FloorAnswered():
                self._set(event.seat, "waits")
            case kinds.SeatLost():
                self._set(event.seat, "is lost")
            case kinds.TurnScored():
                self.seats[event.seat].latest |= {score.dimension: score.value for score in event.scores}
            case _:
                pass

    def _set(self, seat: str, doing: Doing) -> None:
        if seat in self.seats:
            self.seats[seat].doing = doing

    def _begin(self, event: kinds.TurnOpened) -> None:
        seat = self.seats[event.seat]
        seat.turn, seat.text, seat.pieces, seat.since = event.turn, "", 0, event.at
        stage = event.turn.split(".", 1)[0]
        if stage.startswith("r") and stage[1:].isdigit():
            seat.doing = "is asked"
        elif stage.startswith("floor"):
            seat.doing = "chooses"
        else:
            seat.doing = _OTHER_TURNS.get(stage, "votes")

    def _hear(self, event: kinds.TurnDelta) -> None:
        seat = self.seats.get(event.seat)
        if seat is None or seat.turn != event.turn:
            return
        seat.pieces += 1
        self.pieces += 1
        if seat.doing in {"is asked", "thinks", "speaks"}:
            seat.doing = "thinks" if event.channel == "reasoning" else "speaks"
        if event.channel == "text" and seat.doing not in {"votes", "chooses"}:
            seat.text += event.text
