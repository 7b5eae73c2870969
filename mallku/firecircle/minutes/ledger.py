"""Who changed position, what moved them as far as can be told, and what the exchange did to agreement."""

from collections.abc import Sequence

from mallku.events import kinds
from mallku.events.kinds import AnyEvent
from mallku.firecircle.decisions.figures import listed
from mallku.firecircle.independence import Ledger
from mallku.firecircle.ledger_keeping import ledger_of
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


def comparable(state: DeliberationState) -> bool:
    """Whether some seat voted on the same options before the exchange and in the end."""
    ledger = _ledger(state)
    return ledger is not None and bool(ledger.changes)


def conformity_of(state: DeliberationState) -> tuple[Claim, ...]:
    """Return what the exchange did to agreement, and whose change of position, or everybody's, cannot be judged, and why."""
    if state.ledger is None and "final" not in state.ballots:
        return ()
    ledger, fields = ledger_of(state)
    if state.ledger is not None:
        fields = {"reason": state.ledger.reason, "unjudged": state.ledger.unjudged, "held": state.ledger.held}
    if fields["reason"]:
        return (Claim(text=f"Whether anybody changed position cannot be judged: {_small(fields['reason'])}"),)
    if ledger is None:
        return ()
    before, after = f"{ledger.agreement_before:.0%}", f"{ledger.agreement_after:.0%}"
    told = [f"{before} of the ballots before the exchange stood behind one position, {after} of those after it."]
    if ledger.conforming:
        seats = "One seat" if ledger.conforming == 1 else f"{ledger.conforming} seats"
        told.append(f"{seats} moved to the opening majority without taking up an argument.")
    if ledger.minorities_lost:
        told.append(f"Held by somebody before, by nobody after: {', '.join(ledger.minorities_lost)}.")
    lacking = fields.get("unjudged", {})
    told += [
        f"Of {listed([seat for seat, why in lacking.items() if why == reason])} it cannot be judged: {reason}."
        for reason in dict.fromkeys(lacking.values())
    ]
    return tuple(Claim(text=one) for one in told)


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _ledger(state: DeliberationState) -> Ledger | None:
    return ledger_of(state)[0] if "final" in state.ballots else None
