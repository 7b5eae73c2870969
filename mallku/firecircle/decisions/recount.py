"""The same ballots under every rule that fits, and where the rules disagree."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.consensus import consensus
from mallku.firecircle.decisions.derive import derive
from mallku.firecircle.decisions.figures import listed
from mallku.firecircle.decisions.pairwise import condorcet_winner, duels, smith_set
from mallku.firecircle.decisions.rule import DecisionRule
from mallku.firecircle.decisions.rules import PLAIN_RULES, decision_rule
from mallku.firecircle.decisions.supermajority import supermajority


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What several counts of the same ballots have in common."""

    agree: bool
    """Whether every rule under which something passes names the same winners."""
    condorcet_winner: str = ""
    """The option that beats every other one in a duel, or empty."""
    cycle: tuple[str, ...] = ()
    """Options that beat each other in a circle above all the rest (Condorcet's paradox), or none."""
    lines: tuple[str, ...] = ()
    """All this in words."""


def count_under_all(ballots: Sequence[Ballot], options: Sequence[Option]) -> tuple[Tally, ...]:
    """Count the same ballots under every rule they say enough for.

    Rankings go under the ranking rules and, by their first places, under plurality and majority; points and grades go further. The ballots
    must be valid, own statements struck, as `valid_ballots` returns them.
    """
    labels = tuple(option.label for option in options)
    tallies = []
    for rule in _fitting(ballots, options):
        derived = [derive(ballot, rule.ballot_kind, labels) for ballot in ballots]
        known = [ballot for ballot in derived if ballot is not None]
        if ballots and len(known) == len(ballots):
            tallies.append(rule.count(known, options))
    return tuple(tallies)


def _fitting(ballots: Sequence[Ballot], options: Sequence[Option]) -> list[DecisionRule]:
    if any(ballot.kind == "position" for ballot in ballots):
        named = ("consensus(majority)", "consensus(2/3)")
        return [consensus(), *map(decision_rule, named)] if len(options) == 1 else []
    return [*PLAIN_RULES[:2], supermajority(), *PLAIN_RULES[2:]]


def compare(tallies: Sequence[Tally], ballots: Sequence[Ballot], options: Sequence[Option]) -> Comparison:
    """Say where the counts agree and disagree, whether one option beats all others, and whether there is a circle."""
    labels = tuple(option.label for option in options)
    by_winners: dict[tuple[str, ...], list[str]] = {}
    for tally in tallies:
        by_winners.setdefault(tuple(sorted(tally.winners)) if tally.passed else (), []).append(tally.rule)
    outcomes = [winners for winners in by_winners if winners]
    lines = [_line(winners, rules) for winners, rules in by_winners.items()]
    if len(outcomes) > 1:
        lines.insert(0, "The outcome depends on the rule.")
    winner = ""
    cycle: tuple[str, ...] = ()
    if len(labels) > 1 and any(tally.rule == "schulze" for tally in tallies):
        preferring = duels(ballots, labels)
        winner = condorcet_winner(preferring, labels)
        cycle = _cycle(preferring, labels)
        if winner:
            lost = [tally.rule for tally in tallies if tally.passed and winner not in tally.winners]
            lines.append(f"{winner} beats every other option in a duel" + (f", yet loses under {listed(lost)}." if lost else "."))
        if cycle:
            lines.append(f"{listed(cycle)} beat each other in a circle: for each of them, more ballots prefer another.")
    return Comparison(agree=len(outcomes) <= 1, condorcet_winner=winner, cycle=cycle, lines=tuple(lines))


def _line(winners: Sequence[str], rules: Sequence[str]) -> str:
    if not winners:
        return f"Nothing passes under {listed(rules)}."
    return f"{winners[0]} wins under {listed(rules)}." if len(winners) == 1 else f"{listed(winners)} tie under {listed(rules)}."


def _cycle(preferring: dict[tuple[str, str], Fraction], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the top set if it holds a real circle of victories, not mere ties."""
    top = smith_set(preferring, labels)
    beats = {label: {other for other in top if other != label and preferring[label, other] > preferring[other, label]} for label in top}
    if all(beats[label] and any(label in beats[other] for other in top) for label in top):
        return top
    return ()
