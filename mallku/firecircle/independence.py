"""Independence: how each seat's position moved from its sealed ballot to the last one, and what moved it.

A change is compared with a control: the seat asked again alone, with nothing from the others. Who changes then as well has changed on
reflection and not under influence. ("Not All Flips Are Conformity", arXiv 2606.00820, reports 37 % of changes on self-reflection alone.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mallku.dialogue.transcript import REMARK, Option, Transcript
from mallku.dialogue.verdict import Ballot
from mallku.firecircle.decisions.figures import listed
from mallku.firecircle.decisions.preference import is_abstention, order_of
from mallku.firecircle.words import content_stems

ChangeKind = Literal["held", "after a reasoned argument", "after mere majority", "on self-reflection alone", "unexplained"]
"""What moved a seat, as far as the record shows."""

_TAKEN_UP: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One seat's way from its opening ballot to its final one."""

    seat: str
    """The seat."""
    before: tuple[str, ...]
    """What the opening ballot puts first; empty for an abstention."""
    alone: tuple[str, ...] | None
    """What the isolated second ballot puts first, or None if there was none."""
    after: tuple[str, ...]
    """What the final ballot puts first."""
    kind: ChangeKind
    """What moved it."""
    controlled: bool
    """Whether the isolated ballot was there to rule reflection out; without it a kind is a reading, not a finding."""
    with_majority: bool
    """Whether the seat ended where most of the other opening ballots stood."""
    turns: tuple[str, ...] = ()
    """Turns whose content the final reason takes up."""
    lines: tuple[str, ...] = ()
    """The finding in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All seats' ways, and what they add up to."""

    changes: tuple[Change, ...]
    """One entry for each seat with an opening and a final ballot."""
    held: int
    """Seats that stayed."""
    conforming: int
    """Seats that moved to the opening majority without taking up an argument."""
    minorities_lost: tuple[str, ...]
    """Positions some seat held in the opening that nobody holds in the end."""
    agreement_before: float
    """Largest share of seats behind one position in the opening ballot, 0..1."""
    agreement_after: float
    """The same in the final ballot."""

    @property
    def moved(self) -> tuple[Change, ...]:
        """The entries of those who changed."""
        return tuple(change for change in self.changes if change.kind != "held")


def keep_ledger(
    opening: Mapping[str, Ballot],
    final: Mapping[str, Ballot],
    transcript: Transcript,
    options: Sequence[Option],
    *,
    alone: Mapping[str, Ballot] | None = None,
    names: Sequence[str] = (),
    since: int = 0,
) -> Ledger:
    """Compare ballots over the same options, seat by seat.

    A change counts as made *on self-reflection alone* if the isolated ballot already shows it; *after a reasoned argument* if the reason on
    the final ballot takes up content of others' statements that is neither in the question and the options nor in what the seat had said
    itself; *after mere majority* if it takes up none and ends where most others began; else it is unexplained. Content is compared by
    words, so an argument put in wholly other words is missed.

    Args:
        opening: Sealed ballots, by seat.
        final: Ballots after the exchange, by seat.
        transcript: What was said in between.
        options: What the ballots are about.
        alone: Ballots of the isolated re-ask, by seat.
        names: Names, or masks, under which a reason may mention a speaker; those of the seats if empty.
        since: First round whose statements were not heard before the opening ballot; only these can have moved anybody.
    """
    labels = tuple(option.label for option in options)
    first = {seat: position_of(ballot, labels) for seat, ballot in opening.items()}
    again = {seat: position_of(ballot, labels) for seat, ballot in (alone or {}).items()}
    last = {seat: position_of(ballot, labels) for seat, ballot in final.items()}
    reader = _Reader(transcript, options, names or tuple(first), since)
    changes = tuple(
        _change(seat, first, again.get(seat), last[seat], reader.takes_up(seat, final[seat].reason)) for seat in first if seat in last
    )
    kept = set(last.values())
    return Ledger(
        changes=changes,
        held=sum(change.kind == "held" for change in changes),
        conforming=sum(change.kind == "after mere majority" for change in changes),
        minorities_lost=tuple(dict.fromkeys("=".join(position) for position in first.values() if position and position not in kept)),
        agreement_before=agreement(tuple(first.values())),
        agreement_after=agreement(tuple(last.values())),
    )


def position_of(ballot: Ballot, labels: Sequence[str]) -> tuple[str, ...]:
    """Return what a ballot puts first: one label, several level, a position towards the proposal, or nothing."""
    if ballot.kind == "position":
        return () if ballot.position is None else (ballot.position,)
    if is_abstention(ballot):
        return ()
    if ballot.kind == "approval":
        return tuple(label for label in labels if label in ballot.approved)
    return next(iter(order_of(ballot, labels)), ())


def agreement(positions: Sequence[tuple[str, ...]]) -> float:
    """Return the largest share of seats behind one position, 0..1; abstentions agree with nobody."""
    taken = [position for position in positions if position]
    return max((taken.count(position) for position in taken), default=0) / max(len(positions), 1)


def _change(
    seat: str,
    first: Mapping[str, tuple[str, ...]],
    again: tuple[str, ...] | None,
    after: tuple[str, ...],
    taken_up: tuple[str, ...],
) -> Change:
    before = first[seat]
    majority = majority_position([position for other, position in first.items() if other != seat])
    with_majority = bool(majority) and after == majority
    kind: ChangeKind
    if after == before:
        kind = "held"
    elif again is not None and again == after:
        kind = "on self-reflection alone"
    elif taken_up:
        kind = "after a reasoned argument"
    else:
        kind = "after mere majority" if with_majority else "unexplained"
    moved = kind != "held"
    return Change(
        seat=seat,
        before=before,
        alone=again,
        after=after,
        kind=kind,
        controlled=again is not None,
        with_majority=with_majority,
        turns=taken_up if kind == "after a reasoned argument" else (),
        lines=(_in_words(seat, before, after, kind, taken_up, controlled=again is not None),) if moved else (),
    )


def majority_position(positions: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the position that more than half of those who took one share, or nothing."""
    taken = [position for position in positions if position]
    return next((position for position in taken if 2 * taken.count(position) > len(taken)), ())


def _in_words(
    seat: str, before: tuple[str, ...], after: tuple[str, ...], kind: ChangeKind, taken_up: tuple[str, ...], *, controlled: bool
) -> str:
    came, went = listed(before) or "no position", listed(after) or "no position"
    on = f", taking up {listed(taken_up)}" if kind == "after a reasoned argument" else ""
    doubt = "" if controlled else " (no isolated second ballot: reflection alone cannot be ruled out)"
    why = ", for no reason that the record shows" if kind == "unexplained" else f" {kind}{on}"
    return f"{seat} moved from {came} to {went}{why}{doubt}."


class _Reader:
    """Finds whose content a reason takes up."""

    def __init__(self, transcript: Transcript, options: Sequence[Option], names: Sequence[str], since: int) -> None:
        self._common = content_stems(" ".join([transcript.question, transcript.context, *(option.text for option in options), *names]))
        self._said = [
            (statement.turn, statement.seat, content_stems(statement.text), statement.round_index >= since)
            for statement in transcript.statements
            if statement.round_kind != REMARK
        ]

    def takes_up(self, seat: str, reason: str) -> tuple[str, ...]:
        """Return the turns of others that share at least two content words with the reason, the seat's own earlier words left out."""
        own = frozenset().union(*(stems for _, speaker, stems, _ in self._said if speaker == seat))
        new = content_stems(reason) - self._common - own
        return tuple(turn for turn, speaker, stems, late in self._said if late and speaker != seat and len(new & stems) >= _TAKEN_UP)


def shared_weights(weights: Mapping[str, str]) -> str:
    """Return a warning if seats share weights, or an empty text.

    Args:
        weights: For each seat a mark that is equal for two seats exactly when they share weights; empty where it is unknown, or for people.
    """
    groups: dict[str, list[str]] = {}
    for seat, mark in weights.items():
        if mark:
            groups.setdefault(mark, []).append(seat)
    shared = [seats for seats in groups.values() if len(seats) > 1]
    if not shared:
        return ""
    if len(shared[0]) == len(weights):
        return (
            f"All {len(weights)} seats share the same weights: their agreement is one model agreeing with itself, "
            "and personas do not make its errors independent."
        )
    told = "; ".join(listed(seats) for seats in shared)
    return f"Some seats share weights ({told}): their ballots are not independent of each other."
