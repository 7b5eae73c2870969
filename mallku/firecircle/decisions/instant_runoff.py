"""Instant run-off: the option with the fewest first places is dropped, its ballots pass on, until one option is left."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from mallku.dialogue.verdict import Ballot, Tally
from mallku.firecircle.decisions.figures import as_support, best, figures_line, in_words, listed, outcome_line, weight_of
from mallku.firecircle.decisions.preference import is_abstention

_MOST_FOLLOWED: Final = 10
"""With more options than this in the race, a tie for the last place drops all of the tied at once."""


def count_instant_runoff(ballots: Sequence[Ballot], labels: Sequence[str]) -> Tally:
    """Drop options one by one. Where several have the fewest votes, every order of dropping them is counted, and all winners are tied.

    (While more than ten options have first places, all of the tied are dropped together: the orders would be too many to follow.)
    A ballot that ranks options level is shared equally among them; one whose options are all dropped no longer counts.
    """
    cast = [ballot for ballot in ballots if not is_abstention(ballot)]
    count = _Count(cast, labels)
    everyone = tuple(labels)
    winners = count.winners(everyone) if cast else ()
    return Tally(
        rule="instant-runoff",
        winners=winners,
        support=as_support(count.votes(everyone)),
        support_unit="first places",
        counted=len(cast),
        abstained=len(ballots) - len(cast),
        passed=bool(winners),
        steps=(*(count.story(everyone) if cast else ()), outcome_line(winners, "by instant run-off")),
    )


class _Count:
    """One count, remembering the winners of every set of remaining options it has met."""

    def __init__(self, ballots: Sequence[Ballot], labels: Sequence[str]) -> None:
        self._ballots = [(weight_of(ballot), ballot.ranking) for ballot in ballots]
        self._labels = labels
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def votes(self, remaining: tuple[str, ...]) -> dict[str, Fraction]:
        """Return first places among the remaining options."""
        votes = dict.fromkeys(remaining, Fraction())
        for weight, ranking in self._ballots:
            for tier in ranking:
                standing = [label for label in tier if label in votes]
                if standing:
                    for label in standing:
                        votes[label] += weight / len(standing)
                    break
        return votes

    def winners(self, remaining: tuple[str, ...]) -> tuple[str, ...]:
        """Return everyone who can win from here."""
        if remaining not in self._known:
            votes = self.votes(remaining)
            if self._is_over(votes):
                self._known[remaining] = best(votes)
            else:
                nexts = [self.winners(_without(remaining, dropped)) for dropped in self._drops(votes)]
                self._known[remaining] = tuple(label for label in remaining if any(label in ways for ways in nexts))
        return self._known[remaining]

    def story(self, remaining: tuple[str, ...]) -> list[str]:
        """Tell the count round by round, up to the first tie for the last place; from there only what each way leads to."""
        lines: list[str] = []
        while True:
            votes = self.votes(remaining)
            lines.append(f"Round {len(lines) + 1}: {figures_line(votes, 'first places')}.")
            if self._is_over(votes):
                return lines
            drops = self._drops(votes)
            fewest = min(votes.values())
            if len(drops) > 1:
                lines.append(f"{listed([drop[0] for drop in drops])} have the fewest, {in_words(fewest)} each; each way is counted:")
                lines += [f"without {listed(drop)}, {outcome_line(self.winners(_without(remaining, drop)), 'there')}" for drop in drops]
                return lines
            have, goes = ("has", "goes") if len(drops[0]) == 1 else ("have", "go")
            lines[-1] += f" {listed(drops[0])} {have} the fewest and {goes} out."
            remaining = _without(remaining, drops[0])

    def _is_over(self, votes: dict[str, Fraction]) -> bool:
        cast = sum(votes.values(), Fraction())
        too_many = len(votes) > _MOST_FOLLOWED and len(set(votes.values())) == 1
        return len(votes) == 1 or not cast or max(votes.values()) * 2 > cast or too_many

    def _drops(self, votes: dict[str, Fraction]) -> list[tuple[str, ...]]:
        """Return the ways to go on: each a set of options that is dropped."""
        fewest = min(votes.values())
        last = tuple(label for label, figure in votes.items() if figure == fewest)
        # Options without any first place all go before any other does, and dropping one changes nobody's votes.
        together = fewest == 0 or len(votes) > _MOST_FOLLOWED
        return [last] if together else [(label,) for label in last]


def _without(remaining: tuple[str, ...], dropped: Sequence[str]) -> tuple[str, ...]:
    return tuple(label for label in remaining if label not in dropped)
