"""The state of a deliberation: a pure fold of its recorded events."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import takewhile

from mallku.dialogue.response import Timings, Usage
from mallku.dialogue.score import Score
from mallku.dialogue.transcript import OPTION_LABELS, REMARK, Option, Statement, Transcript
from mallku.dialogue.verdict import Ballot, SpoiledBallot
from mallku.errors import JournalDamaged
from mallku.events import kinds
from mallku.events.kinds import AnyEvent, BallotStage
from mallku.firecircle.turn_orders import FloorAnswer, TurnTaken
from mallku.firecircle.words import count_words

JUDGE = "the judge"
"""Under which what a judge of statements used is added up."""
CONVENER = "Convener"
"""Name under which a convener's remark stands in the transcript; no seat may have it."""


@dataclass(slots=True)
class BallotRecord:
    """What is known of one ballot so far."""

    opened: kinds.BallotOpened
    """How it was opened."""
    cast: dict[str, Ballot] = field(default_factory=dict)
    """Valid ballots by seat."""
    spoiled: dict[str, SpoiledBallot] = field(default_factory=dict)
    """Ballots that could not be read, by seat."""
    counted: kinds.BallotCounted | None = None
    """The count, once made."""


@dataclass(slots=True)
class DeliberationState:
    """Everything a deliberation is, folded from its events. Change it only by `apply`."""

    convened: kinds.DeliberationConvened | None = None
    """How the circle was convened."""
    seats: tuple[str, ...] = ()
    """Names of all seats, lost ones included."""
    seq: int = 0
    """Sequence number of the last recorded event."""
    last_id: str = ""
    """Id of the last recorded event."""
    last_at: datetime | None = None
    """When it happened."""
    away_s: float = 0.0
    """Seconds between breaks and the resumptions after them."""
    transcript: Transcript = field(default_factory=lambda: Transcript(question=""))
    """What was said so far."""
    rounds: dict[int, kinds.RoundOpened] = field(default_factory=dict)
    """Rounds that were opened."""
    closed_rounds: set[int] = field(default_factory=set)
    """Rounds that ended."""
    turns: dict[str, str] = field(default_factory=dict)
    """Outcome of every turn that ended: statement, partial, pass or failure."""
    open_turns: dict[str, kinds.TurnOpened] = field(default_factory=dict)
    """Turns that were opened and have not ended."""
    floor: dict[int, dict[str, TurnTaken]] = field(default_factory=dict)
    """Turns taken in each round, in order, by turn."""
    floor_answers: dict[int, list[FloorAnswer]] = field(default_factory=dict)
    """What seats answered about the floor in each round."""
    failures: list[kinds.TurnFailed] = field(default_factory=list)
    """Failed attempts, in order."""
    failed_in_a_row: dict[str, int] = field(default_factory=dict)
    """For each seat, how many turns in a row have failed."""
    lost: dict[str, str] = field(default_factory=dict)
    """Seats that take no further part, with the reason."""
    substituted: dict[str, kinds.SeatSubstituted] = field(default_factory=dict)
    """Seats whose participant was replaced."""
    scores: dict[str, tuple[Score, ...]] = field(default_factory=dict)
    """Scores by turn."""
    ballots: dict[BallotStage, BallotRecord] = field(default_factory=dict)
    """Ballots by stage."""
    changes: list[kinds.PositionChanged] = field(default_factory=list)
    """Changes of position."""
    ledger: kinds.LedgerKept | None = None
    """What the ledger of positions compared, and what it could not judge."""
    dissent: dict[str, str] = field(default_factory=dict)
    """Words of the seats that did not support the outcome."""
    summary: kinds.SummaryWritten | None = None
    """The summary that a seat wrote, if the plan asked for one."""
    drift: list[kinds.DriftNoticed] = field(default_factory=list)
    """Rounds that left the question."""
    rounds_ended: kinds.RoundsEnded | None = None
    """Why the rounds ended before all were held, if they did."""
    without_quorum: dict[int, kinds.QuorumMissed] = field(default_factory=dict)
    """Rounds in which too few seats took part."""
    warnings: list[kinds.SeatWarned] = field(default_factory=list)
    """Warnings about seats or the circle."""
    spent: dict[str, list[tuple[Usage, Timings]]] = field(default_factory=dict)
    """What each seat's requests used, ballots and dissent included."""
    ended: kinds.DeliberationEnded | None = None
    """The end, once it was reached."""
    interrupted: bool = False
    """Whether the last thing that happened was an interruption."""

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the seats that still take part."""
        return tuple(seat for seat in self.seats if seat not in self.lost) if self.lost else self.seats

    def statements_of(self, round_index: int) -> tuple[Statement, ...]:
        """Return what was said in one round, in order, the convener's remarks included."""
        return tuple(statement for statement in self.transcript.statements if statement.round_index == round_index)

    def spoken_in(self, round_index: int) -> tuple[Statement, ...]:
        """Return what the seats said in one round, in order."""
        return tuple(statement for statement in self.statements_of(round_index) if statement.seat != CONVENER)

    def candidates(self, round_index: int) -> tuple[Option, ...]:
        """Return the whole statements of a round as options with their authors; at most 26."""
        spoken = [said for said in self.spoken_in(round_index) if not said.partial]
        pairs = zip(OPTION_LABELS, spoken, strict=False)
        return tuple(Option(label=label, text=statement.text, author=statement.seat) for label, statement in pairs)

    def apply(self, event: AnyEvent) -> None:
        """Take the next event into account. Passing events change nothing."""
        if not event.recorded:
            return
        if event.seq != self.seq + 1:
            told = f"Event {event.id} follows event {self.seq} of the same deliberation."
            raise JournalDamaged(told, hint="The record has a gap; run `mallku verify`.")
        if isinstance(event, kinds.DeliberationResumed) and self.last_at is not None:
            self.away_s += (event.at - self.last_at).total_seconds()
        self.seq, self.last_id, self.last_at = event.seq, event.id, event.at
        self.interrupted = isinstance(event, kinds.DeliberationInterrupted)
        match event:
            case kinds.DeliberationConvened():
                self.convened = event
                self.seats = tuple(seat.name for seat in event.seats)
                self.transcript = Transcript(question=event.question, context=event.context, options=event.options)
            case kinds.RoundOpened():
                self.rounds[event.round_index] = event
            case kinds.RoundClosed():
                self.closed_rounds.add(event.round_index)
                self._put_in_order(self.rounds[event.round_index])
            case kinds.TranscriptCondensed():
                digests = {**(self.transcript.digests or {}), event.round_index: event.digest}
                self.transcript = replace(self.transcript, digests=digests)
            case kinds.TurnOpened():
                self.open_turns[event.turn] = event
            case kinds.SeatSubstituted():
                self.substituted[event.seat] = event
                self.failed_in_a_row[event.seat] = 0
            case kinds.SeatLost():
                self.lost[event.seat] = event.reason
            case kinds.TurnScored():
                self.scores[event.turn] = event.scores
                if event.judge:
                    self._spend(JUDGE, event.usage, event.timings)
            case kinds.PositionChanged():
                self.changes.append(event)
            case kinds.LedgerKept():
                self.ledger = event
            case kinds.DriftNoticed():
                self.drift.append(event)
            case kinds.RoundsEnded():
                self.rounds_ended = event
            case kinds.QuorumMissed():
                self.without_quorum[event.round_index] = event
            case kinds.SeatWarned():
                self.warnings.append(event)
            case kinds.DeliberationEnded():
                self.ended = event
            case _:
                self._end_turn(event)

    def _put_in_order(self, opened: kinds.RoundOpened) -> None:
        """Give what was said at once the round's order, so that nothing later depends on who happened to finish first."""
        if not opened.simultaneous:
            return
        place = {seat: number for number, seat in enumerate(opened.order)}
        earlier = tuple(said for said in self.transcript.statements if said.round_index < opened.round_index)
        of_round = self.statements_of(opened.round_index)
        opening = tuple(takewhile(lambda said: said.seat == CONVENER, of_round))
        # A remark that came while the seats spoke was heard by none of them, so it stands behind what they said.
        ordered = sorted(of_round[len(opening) :], key=lambda said: place.get(said.seat, len(place)))
        self.transcript = replace(self.transcript, statements=(*earlier, *opening, *ordered))

    def _end_turn(self, event: AnyEvent) -> None:
        match event:
            case kinds.StatementMade():
                self._say(event)
            case kinds.ConvenerRemarked():
                remark = Statement(turn=event.turn, seat=CONVENER, round_index=event.round_index, round_kind=REMARK, text=event.text)
                self.transcript = self.transcript.said(remark)
            case kinds.TurnPassed():
                self._close(event.turn, event.seat, "pass")
                self._take_floor(event.round_index, event.turn, TurnTaken(seat=event.seat, outcome="pass"))
            case kinds.FloorAnswered():
                self._answer_floor(event)
            case kinds.TurnFailed():
                self.failures.append(event)
                if not event.will_retry:
                    in_a_row = self.failed_in_a_row.get(event.seat, 0) + 1
                    self._close(event.turn, event.seat, "failure")
                    self.failed_in_a_row[event.seat] = in_a_row
                    self._take_floor(event.round_index, event.turn, TurnTaken(seat=event.seat, outcome="failure"))
            case kinds.DissentRecorded():
                self._close(event.turn, event.seat, "statement")
                self.dissent[event.seat] = event.text
                self._spend(event.seat, event.usage, event.timings)
            case kinds.SummaryWritten():
                self._close(event.turn, event.seat, "statement")
                self.summary = event
                self._spend(event.seat, event.usage, event.timings)
            case kinds.BallotOpened():
                self.ballots[event.stage] = BallotRecord(opened=event)
            case kinds.BallotCast():
                self._close(event.turn, event.ballot.seat, "statement")
                self.ballots[event.stage].cast[event.ballot.seat] = event.ballot
                self._spend(event.ballot.seat, event.usage, event.timings)
            case kinds.BallotSpoiled():
                self.turns[event.turn] = "failure"
                self.open_turns.pop(event.turn, None)
                self.ballots[event.stage].spoiled[event.spoiled.seat] = event.spoiled
            case kinds.BallotCounted():
                self.ballots[event.stage].counted = event
            case _:
                pass

    def _say(self, event: kinds.StatementMade) -> None:
        self._close(event.turn, event.seat, "partial" if event.partial else "statement")
        statement = Statement(
            turn=event.turn,
            seat=event.seat,
            round_index=event.round_index,
            round_kind=event.round_kind,
            text=event.text,
            partial=event.partial,
            finish_reason=event.finish_reason,
            usage=event.usage,
            timings=event.timings,
        )
        self.transcript = self.transcript.said(statement)
        self._spend(event.seat, event.usage, event.timings)
        taken = TurnTaken(seat=event.seat, outcome="partial" if event.partial else "statement", words=count_words(event.text))
        self._take_floor(event.round_index, event.turn, taken)

    def _take_floor(self, round_index: int, turn: str, taken: TurnTaken) -> None:
        if turn.startswith(f"r{round_index}."):
            self.floor.setdefault(round_index, {})[turn] = taken

    def _answer_floor(self, event: kinds.FloorAnswered) -> None:
        self.turns[event.turn] = "statement"
        self.open_turns.pop(event.turn, None)
        answer = FloorAnswer(
            seat=event.seat,
            after=event.after,
            kind=event.asked,
            named=event.named,
            bid=event.bid,
            reason=event.reason,
            fault=event.fault,
        )
        self.floor_answers.setdefault(event.round_index, []).append(answer)
        self._spend(event.seat, event.usage, event.timings)

    def _close(self, turn: str, seat: str, outcome: str) -> None:
        self.turns[turn] = outcome
        self.open_turns.pop(turn, None)
        self.failed_in_a_row[seat] = 0

    def _spend(self, seat: str, usage: Usage, timings: Timings) -> None:
        self.spent.setdefault(seat, []).append((usage, timings))


def fold(events: Iterable[AnyEvent]) -> DeliberationState:
    """Fold events into a state; raises `JournalDamaged` on a gap."""
    state = DeliberationState()
    for event in events:
        state.apply(event)
    return state
