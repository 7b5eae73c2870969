"""Keeping the ledger: which earlier ballot the last one can be held against, who moved between the two, and what cannot be judged, and why.

A change of position is a change only where both ballots were about the same options and of the same kind. Where options arise from the
circle's own statements, that is a ballot held once those statements stood: the plan's `candidates_from` names their round, and a private
ballot follows it before the exchange about them begins.
"""

from collections.abc import Sequence
from typing import Any, Final

from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import BallotKind
from mallku.events import kinds
from mallku.events.kinds import BallotStage
from mallku.firecircle.decisions.figures import listed
from mallku.firecircle.independence import Change, Ledger, keep_ledger
from mallku.firecircle.state import BallotRecord, DeliberationState

POLL: Final = "poll-"
"""Stages of ballots between rounds begin with this; the index of the round follows."""

_AFTER_THE_EXCHANGE: Final = frozenset({"control", "selection", "final"})


def last_ballot(state: DeliberationState) -> BallotRecord | None:
    """Return the last ballot among the options: the choice of a proposal where a consensus follows, else the final one."""
    return state.ballots.get("selection", state.ballots.get("final"))


def ballot_before(state: DeliberationState, options: Sequence[Option], kind: BallotKind | str) -> BallotRecord | None:
    """Return the earliest ballot before the decision that was about these options and of this kind, or None."""
    return next(
        (
            record
            for stage, record in state.ballots.items()
            if stage not in _AFTER_THE_EXCHANGE
            and record.counted
            and record.opened.options == tuple(options)
            and record.opened.ballot_kind == kind
        ),
        None,
    )


def ledger_of(state: DeliberationState) -> tuple[Ledger | None, dict[str, Any]]:
    """Compare the last ballot with the one before the exchange.

    Returns:
        The ledger, or None if there is nothing to compare; and the fields of the `LedgerKept` that says what was compared and what not.
    """
    last = last_ballot(state)
    if last is None:
        return None, {"reason": "No deciding ballot was held."}
    opened = last.opened
    before = ballot_before(state, opened.options, opened.ballot_kind)
    if before is None:
        return None, {"compared": opened.stage, "reason": _why_not(state, last)}
    control = state.ballots.get("control")
    comparable = control and control.opened.options == opened.options and control.opened.ballot_kind == opened.ballot_kind
    ledger = keep_ledger(
        before.cast,
        last.cast,
        state.transcript,
        opened.options,
        alone=control.cast if control and comparable else None,
        names=state.seats,
        since=heard_since(before.opened.stage),
    )
    fields = {
        "baseline": before.opened.stage,
        "compared": opened.stage,
        "held": tuple(change.seat for change in ledger.changes if change.kind == "held"),
        "unjudged": _unjudged(state, before, last),
        "reason": "" if ledger.changes else "No seat cast a valid ballot both times.",
    }
    return ledger, fields


def ledger_facts(state: DeliberationState) -> list[tuple[type[Any], dict[str, Any]]]:
    """Return what is to be recorded: every change, and then what was compared and what could not be judged."""
    if state.ledger is not None:
        return []
    ledger, fields = ledger_of(state)
    noted = {change.seat for change in state.changes}
    moved = [change for change in ledger.moved if change.seat not in noted] if ledger else []
    return [*((kinds.PositionChanged, _moved(change)) for change in moved), (kinds.LedgerKept, fields)]


def heard_since(stage: BallotStage) -> int:
    """Return the first round whose statements voters had not heard in this ballot: before the exchange that is the opening itself."""
    return int(stage.removeprefix(POLL)) + 1 if stage.startswith(POLL) else 0


def _unjudged(state: DeliberationState, before: BallotRecord, last: BallotRecord) -> dict[str, str]:
    lacking = {}
    for seat in state.seats:
        missing = [name for name, record in (("before the exchange", before), ("in the last ballot", last)) if seat not in record.cast]
        if missing:
            lacking[seat] = f"no valid ballot {listed(missing)}"
    return lacking


def _why_not(state: DeliberationState, last: BallotRecord) -> str:
    """Say why there is no earlier ballot to compare with."""
    opened = last.opened
    same = [record for record in state.ballots.values() if record is not last and record.opened.options == opened.options]
    earlier = [record for record in same if record.opened.stage not in _AFTER_THE_EXCHANGE]
    if len(opened.options) == 1 and not last.cast:
        return "There was only one option, so nobody voted on it."
    if earlier:
        kind = earlier[0].opened.ballot_kind
        return f"The ballot before was of another kind ({kind}) than the last one ({opened.ballot_kind}), so the two say different things."
    if any(option.author for option in opened.options):
        turns = {said.turn: said for said in state.transcript.statements}
        made = next((said.round_index for said in turns.values() if said.text == opened.options[0].text), None)
        where = f" in round {made + 1} ({state.rounds[made].title})" if made is not None and made in state.rounds else ""
        return (
            f"The options of the last ballot arose from the circle's own statements{where}, and no ballot was held on them before the "
            "circle talked about them."
        )
    return "No ballot was held before the exchange."


def _stand(position: Sequence[str]) -> str:
    return " = ".join(position) or "abstention"


def _moved(change: Change) -> dict[str, Any]:
    return {
        "seat": change.seat,
        "before": _stand(change.before),
        "after": _stand(change.after),
        "cause": change.kind,
        "turns": change.turns,
        "explanation": " ".join(change.lines),
    }
