"""Endings: conditions under which a deliberation ends, each naming its reason. They compose with `|` and `&`.

The orchestrator asks them between rounds and polls, and inside a round before each further turn; no participant's words ever end a
deliberation.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from mallku.errors import ConfigurationError

EndingReason = Literal["plan done", "agreement", "stability", "impasse", "exhaustion", "budget", "deadline", "drift", "stopped"]
"""Why a deliberation ends."""

Poll = Mapping[str, tuple[str, ...]]
"""Where each seat stands at one time: what its ballot puts first; empty for an abstention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a deliberation stands, in the few figures that endings look at."""

    rounds_done: int = 0
    """Rounds that are over."""
    rounds_planned: int = 0
    """Rounds of the plan."""
    polls: tuple[Poll, ...] = ()
    """Polls and ballots so far, oldest first."""
    novelty: tuple[float | None, ...] = ()
    """For each round the share of content words that were new in it; None where nothing was said."""
    drift: tuple[float | None, ...] = ()
    """For each round the share of statements that left the question; None where that cannot be said."""
    seconds: float = 0.0
    """Seconds since the deliberation began."""
    away_s: float = 0.0
    """Seconds of these between a break and the resumption, when nobody was at work."""
    tokens: int | None = 0
    """Tokens read and written, or None if nobody counted."""
    joules: float | None = None
    """Energy used, or None if it was not measured."""
    stopped_by: str = ""
    """Who asked to stop, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """That a deliberation ends, and why."""

    reason: EndingReason
    """The reason."""
    detail: str
    """The figures behind it, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition. `a | b` ends when either holds, `a & b` when both do; an ending carries the reason of the first one named."""

    name: str
    """The whole condition as `ending_condition` reads it."""
    check: Callable[[Progress], Ending | None] = field(repr=False)
    """Returns the ending, or None to go on."""

    def __or__(self, other: "Condition") -> "Condition":
        """End when either holds."""
        return Condition(name=f"{self.name} | {other.name}", check=lambda progress: self.check(progress) or other.check(progress))

    def __and__(self, other: "Condition") -> "Condition":
        """End when both hold."""
        return Condition(name=f"{self.name} & {other.name}", check=lambda progress: _both(self.check(progress), other.check(progress)))


def _both(one: Ending | None, other: Ending | None) -> Ending | None:
    if one is None or other is None:
        return None
    return Ending(reason=one.reason, detail=f"{one.detail} {other.detail}")


def plan_done() -> Condition:
    """End when all rounds of the plan are over."""

    def check(progress: Progress) -> Ending | None:
        if progress.rounds_done < progress.rounds_planned:
            return None
        return Ending(reason="plan done", detail=f"All {progress.rounds_planned} rounds are over.")

    return Condition(name="plan-done", check=check)


def stopped() -> Condition:
    """End when a person asked to."""

    def check(progress: Progress) -> Ending | None:
        return Ending(reason="stopped", detail=f"Stopped by {progress.stopped_by}.") if progress.stopped_by else None

    return Condition(name="stopped", check=check)


def agreement(share: float = 1.0) -> Condition:
    """End when at least this share of the seats puts the same first in the latest poll, and nobody blocks."""
    _check("The share of `agreement`", share, above=0.5, at_most=1.0)

    def check(progress: Progress) -> Ending | None:
        if not progress.polls:
            return None
        position, behind = _largest(progress.polls[-1])
        seats = len(progress.polls[-1])
        if not behind or behind < round(share * seats, 9) or _blocking(progress.polls[-1]):
            return None
        return Ending(reason="agreement", detail=f"{behind} of {seats} seats put {_named(position)} first.")

    return Condition(name=f"agreement({share:g})", check=check)


def stability(polls: int = 2) -> Condition:
    """End when nobody moved over this many polls in a row while a majority, but not everybody, stands behind one position.

    Everybody behind one position is agreement; no majority, or a block, is an impasse.
    """
    _check("The number of polls of `stability`", polls, above=1)

    def check(progress: Progress) -> Ending | None:
        position, behind = _unmoved(progress.polls, polls)
        seats = len(progress.polls[-1]) if progress.polls else 0
        if not seats or not seats / 2 < behind < seats or _blocking(progress.polls[-1]):
            return None
        return Ending(
            reason="stability",
            detail=f"Nobody moved over {polls} polls; {behind} of {seats} seats put {_named(position)} first, others do not.",
        )

    return Condition(name=f"stability({polls})", check=check)


def settled(risk: float = 0.1) -> Condition:
    """End when another leader at the next poll has become improbable, by how often seats have moved between the polls so far.

    Each seat is taken to move between two polls with one unknown chance; from a uniform prior and the moves counted, the number that
    will move next follows a Beta-Binomial distribution. The condition holds once the probability that enough of the leader's seats move
    for it to lose its lead, all of them to the runner-up, is at most `risk`. As for stability there must be a majority, not everybody,
    and no block.
    """
    _check("The risk of `settled`", risk, above=0.0, at_most=0.5)

    def check(progress: Progress) -> Ending | None:
        if len(progress.polls) < 2:  # noqa: PLR2004 - a move takes two polls
            return None
        latest = progress.polls[-1]
        position, behind = _largest(latest)
        seats = len(latest)
        if not seats / 2 < behind < seats or _blocking(latest):
            return None
        moves = sum(one.get(seat) != other.get(seat) for one, other in pairwise(progress.polls) for seat in other)
        chances = seats * (len(progress.polls) - 1)
        lead = behind - max((count for other, count in Counter(latest.values()).items() if other and other != position), default=0)
        probability = beta_binomial_tail(math.ceil(lead / 2), behind, 1 + moves, 1 + chances - moves)
        if probability > risk:
            return None
        return Ending(
            reason="stability",
            detail=f"{behind} of {seats} seats put {_named(position)} first, others do not; seats moved {moves} of {chances} times "
            f"between polls, so another leader at the next poll has a probability of at most {probability:.1%}.",
        )

    return Condition(name=f"settled({risk:g})", check=check)


def beta_binomial_tail(least: int, trials: int, a: float, b: float) -> float:
    """Return the probability of at least so many successes where the chance of one is itself drawn from Beta(a, b)."""

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return sum(math.comb(trials, k) * math.exp(log_beta(k + a, trials - k + b) - log_beta(a, b)) for k in range(least, trials + 1))


def impasse(polls: int = 2) -> Condition:
    """End when nobody moved over this many polls in a row and no position has a majority, or somebody blocks."""
    _check("The number of polls of `impasse`", polls, above=1)

    def check(progress: Progress) -> Ending | None:
        _, behind = _unmoved(progress.polls, polls)
        if behind < 0:
            return None
        latest = progress.polls[-1]
        if _blocking(latest):
            return Ending(reason="impasse", detail=f"Nobody moved over {polls} polls and {', '.join(_blocking(latest))} still blocks.")
        if 2 * behind > len(latest):
            return None
        return Ending(
            reason="impasse", detail=f"Nobody moved over {polls} polls and no position has a majority of the {len(latest)} seats."
        )

    return Condition(name=f"impasse({polls})", check=check)


def exhaustion(least: float = 0.2) -> Condition:
    """End when the latest of at least two rounds brought fewer new content words than this share, or nobody spoke in it."""
    _check("The share of `exhaustion`", least, above=0.0, at_most=1.0)

    def check(progress: Progress) -> Ending | None:
        if len(progress.novelty) < 2:  # noqa: PLR2004 - in the first round everything is new
            return None
        latest = progress.novelty[-1]
        if latest is None:
            return Ending(reason="exhaustion", detail="Nobody spoke in the last round.")
        if latest >= least:
            return None
        return Ending(reason="exhaustion", detail=f"Only {latest:.0%} of the content words of the last round were new.")

    return Condition(name=f"exhaustion({least:g})", check=check)


def budget(*, tokens: float | None = None, seconds: float | None = None, joules: float | None = None) -> Condition:
    """End when a limit is reached. What is not measured cannot reach its limit."""
    limits = {"tokens": tokens, "seconds": seconds, "joules": joules}
    given = {unit: limit for unit, limit in limits.items() if limit is not None}
    if not given or min(given.values()) <= 0:
        raise ConfigurationError(f"The budget is {given!r}.", hint="Give tokens, seconds or joules above 0, such as budget(tokens=20000).")

    def check(progress: Progress) -> Ending | None:
        for unit, limit in given.items():
            used: float | None = progress.seconds - progress.away_s if unit == "seconds" else getattr(progress, unit)
            if used is not None and used >= limit:
                return Ending(reason="budget", detail=f"{used:g} of {limit:g} {unit} are used.")
        return None

    named = ", ".join(f"{unit}={limit:g}" for unit, limit in given.items())
    return Condition(name=f"budget({named})", check=check)


def deadline(seconds: float) -> Condition:
    """End when this many seconds have passed since the beginning, breaks included."""
    _check("The seconds of `deadline`", seconds, above=0.0)

    def check(progress: Progress) -> Ending | None:
        if progress.seconds < seconds:
            return None
        return Ending(reason="deadline", detail=f"The {seconds:g} seconds of the deliberation are over.")

    return Condition(name=f"deadline({seconds:g})", check=check)


def drift(share: float = 0.7, rounds: int = 2) -> Condition:
    """End when in each of the last rounds more than this share of the statements left the question."""
    _check("The share of `drift`", share, above=0.0, at_most=1.0)
    _check("The number of rounds of `drift`", rounds, above=0)

    def check(progress: Progress) -> Ending | None:
        last = progress.drift[-rounds:]
        far = [figure for figure in last if figure is not None and figure > share]
        if len(far) < rounds:
            return None
        return Ending(
            reason="drift",
            detail=f"In each of the last {rounds} rounds more than {share:.0%} of the statements took up nothing of the question.",
        )

    return Condition(name=f"drift({share:g}, {rounds})", check=check)


def _check(what: str, value: float, *, above: float, at_most: float = float("inf")) -> None:
    if not above < value <= at_most:
        most = "" if at_most == float("inf") else f" and at most {at_most:g}"
        raise ConfigurationError(f"{what} is {value!r}.", hint=f"It must be more than {above:g}{most}.")


def first_ending(conditions: Sequence[Condition], progress: Progress) -> Ending | None:
    """Return the ending of the first condition that holds, in the order given, or None to go on."""
    return next((ending for condition in conditions if (ending := condition.check(progress))), None)


def diverges(poll: Poll) -> bool:
    """Whether seats stand behind different positions, so that a round that depends on it takes place."""
    return len({position for position in poll.values() if position}) > 1


def _largest(poll: Poll) -> tuple[tuple[str, ...], int]:
    """Return the position with the most seats behind it, and how many; abstentions are no position."""
    taken = [position for position in poll.values() if position]
    position = max(taken, key=taken.count, default=())
    return position, taken.count(position)


def _blocking(poll: Poll) -> list[str]:
    return [seat for seat, position in poll.items() if position == ("block",)]


def _unmoved(polls: Sequence[Poll], times: int) -> tuple[tuple[str, ...], int]:
    """Return the largest position of the latest poll and its seats; -1 seats if somebody moved or there were too few polls."""
    last = polls[-times:]
    if len(last) < times or any(poll != last[-1] for poll in last):
        return (), -1
    return _largest(last[-1])


def _named(position: tuple[str, ...]) -> str:
    return " and ".join(position)


_WORD: Final = re.compile(r"\s*([a-z][a-z_ -]*?)\s*(?:\(\s*(.*?)\s*\))?\s*", re.IGNORECASE)
_MAKERS: Final[Mapping[str, tuple[Callable[..., Condition], tuple[type, ...]]]] = {
    "plan-done": (plan_done, ()),
    "stopped": (stopped, ()),
    "agreement": (agreement, (float,)),
    "stability": (stability, (int,)),
    "settled": (settled, (float,)),
    "impasse": (impasse, (int,)),
    "exhaustion": (exhaustion, (float,)),
    "deadline": (deadline, (float,)),
    "drift": (drift, (float, int)),
}
ENDING_NAMES: Final = (*_MAKERS, "budget")
"""Names that `ending_condition` knows."""


def ending_condition(text: str) -> Condition:
    """Read a condition: `agreement`, `agreement(0.8)`, `budget(tokens=20000, seconds=600)`, joined by `&` (binds first) and `|`."""
    if "|" in text:
        either, _, rest = text.partition("|")
        return ending_condition(either) | ending_condition(rest)
    if "&" in text:
        one, _, rest = text.partition("&")
        return ending_condition(one) & ending_condition(rest)
    form = _WORD.fullmatch(text)
    name = re.sub(r"[ _]", "-", form[1].lower()) if form else text.strip()
    arguments = [part.strip() for part in (form[2] or "").split(",") if part.strip()] if form else []
    if name not in ENDING_NAMES:
        near = difflib.get_close_matches(name, ENDING_NAMES, n=1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        raise ConfigurationError(f"There is no ending {text!r}.", hint=f"{meant}The endings are {', '.join(ENDING_NAMES)}.")
    try:
        if name == "budget":
            pairs = (part.partition("=")[::2] for part in arguments)
            return budget(**{unit.strip(): float(limit) for unit, limit in pairs})
        make, kinds = _MAKERS[name]
        return make(*(kind(argument) for kind, argument in zip(kinds, arguments, strict=len(arguments) > len(kinds))))
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"The ending {text!r} cannot be read.", hint="Write it like `agreement(0.8)` or `deadline(600)`."
        ) from None
