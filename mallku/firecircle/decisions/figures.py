"""Exact figures for counts: weights, orders by figure, and how they are put in words."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from mallku.dialogue.verdict import Ballot

Figures = Mapping[str, Fraction]
"""A figure for each label."""


def weight_of(ballot: Ballot) -> Fraction:
    """Return the weight as written: 0.1 is one tenth, so that ties do not hang on rounding."""
    return Fraction(str(ballot.weight))


def total_weight(ballots: Iterable[Ballot]) -> Fraction:
    """Add up the weights."""
    return sum((weight_of(ballot) for ballot in ballots), Fraction())


def shares(figures: Figures, ballots: Sequence[Ballot]) -> dict[str, Fraction]:
    """Divide each label's figure by the weight of the ballots that are not silent on it; 0 where there are none.

    Where no ballot is silent, the order of the shares is the order of the figures.
    """
    heard = {label: total_weight(ballot for ballot in ballots if label not in ballot.silent) for label in figures}
    return {label: figure / heard[label] if heard[label] else Fraction() for label, figure in figures.items()}


def share_lines(compared: Figures, ballots: Sequence[Ballot], unit: str) -> tuple[str, ...]:
    """Return the line that shows the shares, where they are not just the figures divided by one number."""
    return (figures_line(compared, f"{unit} per ballot that may judge the option"),) if any(ballot.silent for ballot in ballots) else ()


def best(figures: Figures) -> tuple[str, ...]:
    """Return the labels with the highest figure, in the order given."""
    highest = max(figures.values(), default=Fraction())
    return tuple(label for label, figure in figures.items() if figure == highest)


def order_by(figures: Figures) -> tuple[tuple[str, ...], ...]:
    """Return tiers of labels, highest figure first."""
    levels = sorted(set(figures.values()), reverse=True)
    return tuple(tuple(label for label, figure in figures.items() if figure == level) for level in levels)


def as_support(figures: Figures) -> dict[str, float]:
    """Return the figures as plain numbers for a tally."""
    return {label: float(figure) for label, figure in figures.items()}


def in_words(figure: Fraction) -> str:
    """Write a figure for people: `3`, `2.5`, `1/3`."""
    if figure.denominator == 1:
        return str(figure.numerator)
    decimal = f"{float(figure):.4f}".rstrip("0")
    return decimal if Fraction(decimal) == figure else f"{figure.numerator}/{figure.denominator}"


def listed(labels: Sequence[str]) -> str:
    """Join labels for a sentence: `A`, `A and B`, `A, B and C`."""
    return " and ".join([", ".join(labels[:-1]), labels[-1]]) if len(labels) > 1 else "".join(labels)


def figures_line(figures: Figures, unit: str) -> str:
    """Write all figures in one line, highest first: `votes: A 3, B 1`."""
    ranked = sorted(figures, key=lambda label: -figures[label])
    return f"{unit}: " + ", ".join(f"{label} {in_words(figures[label])}" for label in ranked)


def order_in_words(tiers: Sequence[Sequence[str]]) -> str:
    """Write tiers as `A > B = C`."""
    return " > ".join(" = ".join(tier) for tier in tiers)


def outcome_line(winners: Sequence[str], by: str) -> str:
    """Say who won, or who is tied."""
    if not winners:
        return "No option wins."
    return f"{winners[0]} wins {by}." if len(winners) == 1 else f"{listed(winners)} are tied {by}."
