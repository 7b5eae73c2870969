"""From ballots to a verdict: set aside what cannot be counted, count, break ties, say who stands where."""

from collections.abc import Sequence
from dataclasses import replace

from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot, SpoiledBallot, Tally, Verdict
from mallku.firecircle.decisions.eligibility import sort_ballots
from mallku.firecircle.decisions.figures import total_weight
from mallku.firecircle.decisions.preference import stand_towards
from mallku.firecircle.decisions.quorum import ballots_needed
from mallku.firecircle.decisions.rule import DecisionRule
from mallku.firecircle.decisions.ties import break_tie, check_tie_break


def decide(
    rule: DecisionRule,
    ballots: Sequence[Ballot],
    spoiled: Sequence[SpoiledBallot],
    options: Sequence[Option],
    seats: Sequence[str],
    *,
    seed: int = 0,
    tie_break: str = "seeded",
    quorum: float | None = None,
    exclude_self_votes: bool = True,
) -> Verdict:
    """Decide under a declared rule. The same arguments always give the same verdict.

    Args:
        rule: How ballots are counted.
        ballots: What was cast. One that cannot be counted is listed as spoiled; a seat's second ballot does not count.
        spoiled: Answers that could not be read as ballots; they go into the verdict's list.
        options: What was voted on. An option with an author is that seat's own statement.
        seats: Everybody entitled to vote. Who cast no valid ballot is listed as missing.
        seed: Seed of the tie-break.
        tie_break: One of `TIE_BREAKS`.
        quorum: Valid ballots needed, abstentions included: an int is a number, a float up to 1.0 a share of the seats.
        exclude_self_votes: Whether voters' own statements are struck from their ballots.
    """
    check_tie_break(tie_break, seats)
    needed = ballots_needed(quorum, len(seats))
    heap = sort_ballots(rule.ballot_kind, ballots, options, seats, exclude_self_votes=exclude_self_votes)
    voted = {ballot.seat for ballot in heap.valid}
    verdict = Verdict(
        status="no ballot",
        rule=rule.name,
        missing=tuple(seat for seat in seats if seat not in voted),
        spoiled=(*spoiled, *heap.spoiled),
        notes=heap.notes,
    )
    if not total_weight(heap.valid):
        nothing = "Only ballots without weight were cast." if heap.valid else "No valid ballot was cast."
        return replace(verdict, notes=(*heap.notes, nothing))
    tally = rule.count(heap.valid, options)
    verdict = replace(verdict, status="not decided", tally=tally)
    if len(heap.valid) < needed:
        return replace(verdict, notes=(*heap.notes, f"No quorum: {len(heap.valid)} valid ballots of {len(seats)}, {needed} needed."))
    if not tally.passed or not tally.winners:
        return replace(verdict, notes=(*heap.notes, *tally.steps[-1:]))
    return _decided(verdict, tally, heap.valid, options, tie_break=tie_break, seed=seed)


def _decided(verdict: Verdict, tally: Tally, ballots: Sequence[Ballot], options: Sequence[Option], *, tie_break: str, seed: int) -> Verdict:
    winner, how = tally.winners[0], ""
    if len(tally.winners) > 1:
        winner, how = break_tie(tally.winners, options, ballots, tie_break=tie_break, seed=seed)
        verdict = replace(verdict, status="tied", tie_break=how)
        if not winner:
            return verdict
    labels = tuple(option.label for option in options)
    stands = {ballot.seat: stand_towards(ballot, winner, labels) for ballot in ballots}
    return replace(
        verdict,
        status="tied" if how else "decided",
        option=winner,
        text=next(option.text for option in options if option.label == winner),
        support=tuple(seat for seat, stand in stands.items() if stand == "support"),
        dissent=tuple(seat for seat, stand in stands.items() if stand == "dissent"),
        abstained=tuple(seat for seat, stand in stands.items() if stand == "abstained"),
    )
