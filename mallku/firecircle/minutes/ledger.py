"""Who changed position, what moved them as far as can be told, and what the exchange did to agreement."""

from collections.abc import Sequence

from mallku.events import kinds
from mallku.events.kinds import AnyEvent
from mallku.firecircle.independence import Ledger, keep_ledger
from mallku.firecircle.minutes.values import Change, Claim
from mallku.firecircle.state import DeliberationState


def changes_of(events: Sequence[AnyEvent], state: DeliberationState) -> tuple[Change, ...]:
    """Return the changes that were recorded; where none were, those that the ballots themselves show."""
    recorded = tuple(
        Change(seat=event.seat, before=event.before, after=event.after, cause=event.cause, explanation=event.explanation, turns=event.turns)
        for event in events
        if isinstance(event, kinds.PositionChanged)
    )
    ledger = _ledger(state)
    if recorded or ledger is None:
        return recorded
    return tuple(
        Change(
            seat=change.seat,
            before="=".join(change.before) or "abstention",
            after="=".join(change.after) or "abstention",
            cause=change.kind,
            explanation=" ".join(change.lines),
            turns=change.turns,
        )
        for change in ledger.moved
    )


def conformity_of(state: DeliberationState) -> tuple[Claim, ...]:
    """Return what the exchange did to agreement, where the ballots before and after it can be compared."""
    ledger = _ledger(state)
    if ledger is None or not ledger.changes:
        return ()
    before, after = f"{ledger.agreement_before:.0%}", f"{ledger.agreement_after:.0%}"
    told = [f"{before} of the ballots before the exchange stood behind one position, {after} of those after it."]
    if ledger.conforming:
        seats = "One seat" if ledger.conforming == 1 else f"{ledger.conforming} seats"
        told.append(f"{seats} moved to the opening majority without taking up an argument.")
    if ledger.minorities_lost:
        told.append(f"Held by somebody before, by nobody after: {', '.join(ledger.minorities_lost)}.")
    return tuple(Claim(text=one) for one in told)


def _ledger(state: DeliberationState) -> Ledger | None:
    first, last, control = state.ballots.get("before"), state.ballots.get("final"), state.ballots.get("control")
    if first is None or last is None or first.opened.options != last.opened.options or not last.cast:
        return None
    alone = control.cast if control and control.opened.options == last.opened.options else None
    return keep_ledger(first.cast, last.cast, state.transcript, last.opened.options, alone=alone, names=state.seats)
