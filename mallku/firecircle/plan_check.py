"""Whether a plan can be carried out by the seats of a circle; refused before anybody is asked, with the place and the remedy."""

from collections.abc import Sequence

from mallku.errors import ConfigurationError
from mallku.firecircle.decisions import check_tie_break, decision_rule
from mallku.firecircle.endings import ending_condition
from mallku.firecircle.plan import Plan
from mallku.firecircle.turn_orders import Limits, check_limits, turn_order


def check_plan(plan: Plan, seats: Sequence[str]) -> None:
    """Refuse a plan that names an unknown rule, order, ending or seat, or asks for two things that exclude each other."""
    if plan.decision.rule != "none":
        decision_rule(plan.decision.rule)
        _check_named_seat(plan.decision.rule, "rule", seats)
        if decision_rule(plan.decision.selection_rule).ballot_kind == "position":
            chosen = plan.decision.selection_rule
            raise ConfigurationError(f"The selection rule is {chosen!r}.", hint="Use one that chooses among options, such as `schulze`.")
    check_tie_break(plan.decision.tie_break, seats)
    for text in plan.endings:
        ending_condition(text)
    if not 0.0 <= plan.decision.quorum <= 1.0:
        raise ConfigurationError(f"The quorum is {plan.decision.quorum!r}.", hint="Give a share of the seats, 0 to 1.")
    if plan.min_seats > len(seats):
        told = f"The plan asks for {plan.min_seats} seats (`min_seats`), and the circle has {len(seats)}."
        raise ConfigurationError(told, hint="Seat more participants, or ask for fewer.")
    for index, planned in enumerate(plan.rounds):
        if not 0.0 <= planned.quorum <= 1.0:
            told = f"The quorum of round {index} is {planned.quorum!r}."
            raise ConfigurationError(told, hint="Give a share of the round's seats, 0 to 1.")
        order = turn_order(planned.order)
        strangers = [name for name in planned.seats if name not in seats]
        if strangers:
            told = f"Round {index} is for {strangers[0]!r}, who has no seat."
            raise ConfigurationError(told, hint=f"The seats are {', '.join(seats)}.")
        check_limits(Limits(turns=planned.turns_per_seat, share=planned.max_share))
        _check_named_seat(planned.order, f"order of round {index}", seats)
        if planned.shuffled and planned.visibility == "sealed":
            told = f"Round {index} is sealed, and its seats are to read the statements before it in orders of their own (`shuffled`)."
            raise ConfigurationError(told, hint="Show the round before (`visibility`), or leave `shuffled` out.")
        if planned.masked and order.names_seats:
            told = f"Round {index} is masked, and in its order {planned.order!r} participants name each other."
            raise ConfigurationError(told, hint="Show names in this round, or choose another order.")
    if plan.summary_by and plan.summary_by not in seats:
        told = f"The summary is to be written by {plan.summary_by!r}, who has no seat."
        raise ConfigurationError(told, hint=f"The seats are {', '.join(seats)}.")
    candidates = plan.decision.candidates_from
    if candidates is not None and not 0 <= candidates < len(plan.rounds):
        told = f"`candidates_from` is {candidates!r}, and the plan has {len(plan.rounds)} rounds."
        raise ConfigurationError(told, hint="Rounds are counted from 0.")


def _check_named_seat(name: str, what: str, seats: Sequence[str]) -> None:
    """Refuse `judge(Ada)` or `facilitator(Ada)` where no Ada sits."""
    if name.strip().lower().startswith(("judge(", "facilitator(")):
        seat = name[name.index("(") + 1 : name.rindex(")")].strip()
        if seat not in seats:
            raise ConfigurationError(f"The {what} names {seat!r}, who has no seat.", hint=f"The seats are {', '.join(seats)}.")
