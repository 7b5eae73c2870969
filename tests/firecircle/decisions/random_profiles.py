"""Random sets of ballots, the same for the same seed on every Python: only `random()` of a seeded generator is drawn from."""

import random

from mallku.dialogue.ballot_form import GRADES
from mallku.dialogue.transcript import given_options
from mallku.dialogue.verdict import Ballot


class Draw:
    def __init__(self, seed):
        self._random = random.Random(seed)

    def below(self, number):
        return int(self._random.random() * number)

    def shuffled(self, items):
        items = list(items)
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]
        return items


def random_options(draw):
    return given_options(["x"] * (2 + draw.below(4)))


def random_rankings(seed):
    """Options and ranking ballots: a third of the sets strict and full, a third strict and truncated, a third with ties and truncated."""
    draw = Draw(seed)
    options = random_options(draw)
    labels = [option.label for option in options]
    ballots = []
    for voter in range(1 + draw.below(9)):
        order = draw.shuffled(labels)
        if seed % 3:
            order = order[: 1 + draw.below(len(order))]
        tiers = [[order[0]]]
        for label in order[1:]:
            if seed % 3 == 2 and draw.below(3) == 0:
                tiers[-1].append(label)
            else:
                tiers.append([label])
        ballots.append(Ballot(seat=f"s{voter}", kind="ranking", ranking=tuple(map(tuple, tiers))))
    return options, ballots


def random_choices(seed):
    draw = Draw(seed)
    options = random_options(draw)
    return options, [
        Ballot(seat=f"s{voter}", kind="choice", choice=options[draw.below(len(options))].label) for voter in range(1 + draw.below(9))
    ]


def random_approvals(seed):
    draw = Draw(seed)
    options = random_options(draw)
    return options, [
        Ballot(seat=f"s{voter}", kind="approval", approved=tuple(option.label for option in options if draw.below(2)))
        for voter in range(1 + draw.below(9))
    ]


def random_scores(seed):
    draw = Draw(seed)
    options = random_options(draw)
    return options, [
        Ballot(seat=f"s{voter}", kind="scores", scores={option.label: float(draw.below(6)) for option in options if draw.below(8)})
        for voter in range(1 + draw.below(9))
    ]


def random_grades(seed):
    draw = Draw(seed)
    options = random_options(draw)
    return options, [
        Ballot(seat=f"s{voter}", kind="grades", grades={option.label: GRADES[draw.below(len(GRADES))] for option in options})
        for voter in range(1 + draw.below(9))
    ]


PROFILES = {
    "choice": random_choices,
    "approval": random_approvals,
    "ranking": random_rankings,
    "scores": random_scores,
    "grades": random_grades,
}
