"""How often a rule of stopping stops a circle whose leader would still have changed, on simulated circles.

    python tests/benchmarks/settling.py

Each seat moves between two polls with a chance of its own, drawn for it from a Beta distribution: most seats hardly ever, some often.
Who moves goes to the leader with probability `pull` (conformity), else to any other option. A rule stops at the first poll at which it
holds; the stop was wrong if another option, or none alone, leads at the next poll, or at the twelfth. Seats that share weights do not
move independently of each other, which no rule here can see.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import comb

from mallku.firecircle.endings import Poll, Progress, ending_condition

POLLS = 12
CIRCLES = 4000
OPTIONS = ("A", "B", "C")
WORLDS = {"calm (mean 5 %)": (0.5, 9.5), "mixed (mean 15 %)": (0.6, 3.4), "restless (mean 30 %)": (1.5, 3.5)}


def circle(seats: int, mood: tuple[float, float], pull: float, lottery: random.Random) -> list[Poll]:
    """Return the polls of one circle."""
    chances = [lottery.betavariate(*mood) for _ in range(seats)]
    stands = [lottery.choice(OPTIONS) for _ in range(seats)]
    polls = [as_poll(stands)]
    for _ in range(POLLS - 1):
        leader = Counter(stands).most_common(1)[0][0]
        stands = [
            moved(one, leader, pull, lottery) if lottery.random() < chance else one for one, chance in zip(stands, chances, strict=True)
        ]
        polls.append(as_poll(stands))
    return polls


def as_poll(stands: Sequence[str]) -> Poll:
    """Return where everybody stands as a poll."""
    return {f"s{place}": (one,) for place, one in enumerate(stands)}


def moved(stand: str, leader: str, pull: float, lottery: random.Random) -> str:
    """Return where a seat goes that moves."""
    if leader != stand and lottery.random() < pull:
        return leader
    return lottery.choice([option for option in OPTIONS if option != stand])


def leader_of(poll: Poll) -> str:
    """Return the option with the most seats, or nothing where two lead."""
    (first, most), *rest = Counter(position[0] for position in poll.values()).most_common()
    return "" if rest and rest[0][1] == most else first


def similar(polls: Sequence[Poll], *, limit: float = 0.05, times: int = 2) -> bool:
    """The test of arXiv 2510.12697 carried over to one question: the leader's support as Beta(1 + k, 1 + n - k), by poll.

    It holds once the Kolmogorov-Smirnov distance of successive ones is below the limit so many times running.
    """
    if len(polls) <= times or len(set(polls[-1].values())) == 1:
        return False
    leader = leader_of(polls[-1])
    seats = len(polls[-1])
    if not leader or 2 * sum(position == (leader,) for position in polls[-1].values()) <= seats:
        return False
    counts = [sum(position == (leader,) for position in poll.values()) for poll in polls[-times - 1 :]]
    return all(distance(one, other, seats) < limit for one, other in pairwise(counts))


def distance(one: int, other: int, seats: int) -> float:
    """Return the Kolmogorov-Smirnov distance of two Beta distributions with whole parameters, on a grid."""
    if one == other:
        return 0.0
    grid = [step / 200 for step in range(1, 200)]
    return max(abs(beta_cdf(x, one, seats) - beta_cdf(x, other, seats)) for x in grid)


def beta_cdf(x: float, successes: int, seats: int) -> float:
    """Return the distribution function of Beta(1 + k, 1 + n - k): the chance of more than k of n + 1 at x."""
    return sum(comb(seats + 1, k) * x**k * (1 - x) ** (seats + 1 - k) for k in range(successes + 1, seats + 2))


def holds(name: str) -> Callable[[Sequence[Poll]], bool]:
    """Return a rule by name."""
    if name == "Beta + KS":
        return similar
    condition = ending_condition(name)
    return lambda polls: condition.check(Progress(polls=tuple(polls))) is not None


if __name__ == "__main__":
    names = ("stability(2)", "stability(3)", "Beta + KS", "settled(0.2)", "settled(0.1)", "settled(0.05)")
    for seats in (5, 9):
        for mood_name, mood in WORLDS.items():
            lottery = random.Random(f"{seats}{mood_name}")
            talks = [circle(seats, mood, pull, lottery) for pull in (0.3, 0.7) for _ in range(CIRCLES // 20)]
            print(f"{seats} seats, {mood_name}")
            for name in names:
                rule = holds(name)
                stops = [next((length for length in range(2, POLLS) if rule(polls[:length])), None) for polls in talks]
                stopped = [(length, polls) for length, polls in zip(stops, talks, strict=True) if length is not None]
                wrong = sum(leader_of(polls[length - 1]) != leader_of(polls[-1]) for length, polls in stopped)
                soon = sum(leader_of(polls[length - 1]) != leader_of(polls[length]) for length, polls in stopped)
                mean = sum(length for length, _ in stopped) / max(len(stopped), 1)
                told = f"wrong at the next poll {soon / max(len(stopped), 1):5.1%}, at the twelfth {wrong / max(len(stopped), 1):5.1%}"
                print(f"  {name:14} stops {len(stopped) / len(talks):4.0%} of circles, after {mean:4.1f} polls; {told}")
