"""A conversation as a whole: who speaks how much, who takes up whom, who was never heard, against a chance baseline."""

import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from mallku.detectors.detector import JudgedTurn
from mallku.detectors.edges import matter
from mallku.detectors.reading import read
from mallku.detectors.reciprocity import LOOKS_BACK, uptake
from mallku.dialogue.transcript import Statement

HEARD = 0.5
"""Strength of uptake from which on a turn counts as heard."""

_BASELINES = ("uptake", "reciprocity", "get_gini")

Matrix = tuple[tuple[float, ...], ...]
"""Uptake of the column's speaker by the row's speaker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Figures of a whole conversation. None means that there is too little to compute it."""

    speakers: tuple[str, ...]
    """Who spoke, in order of first speaking; rows and columns of the matrix."""
    shares: Mapping[str, float]
    """Share of all words, by speaker."""
    evenness: float | None
    """Entropy of the shares over its maximum: 1 if all speak equally much (Shannon)."""
    gini: float | None
    """Gini coefficient of the shares, corrected for few speakers: 0 equal, 1 one speaks alone."""
    matrix: Matrix
    """Uptake summed over turns: row takes up column."""
    give: Mapping[str, float]
    """Uptake that a speaker gives to others."""
    get: Mapping[str, float]
    """Uptake that a speaker gets from others."""
    balance: Mapping[str, float | None]
    """1 - |give - get| / (give + get), by speaker."""
    reciprocity: float | None
    """Circle reciprocity: twice the mutual uptake of all pairs over all uptake (weighted reciprocity, Squartini et al. 2013)."""
    get_gini: float | None
    """Gini coefficient of uptake got."""
    heard: Mapping[str, float | None]
    """Share of a speaker's turns that somebody takes up afterwards."""
    never_heard: tuple[str, ...]
    """Speakers none of whose turns was taken up."""
    baseline_z: float | None
    """Distance of the total uptake from conversations whose earlier turns are shuffled, in standard deviations; near 0 for monologues."""
    reciprocity_z: float | None
    """The same for mutual uptake."""
    get_gini_z: float | None
    """The same for how unequally uptake is got."""

    @property
    def least_heard(self) -> float | None:
        """The smallest share of heard turns; a circle is as good as this."""
        known = [share for share in self.heard.values() if share is not None]
        return min(known, default=None)


def conversation(statements: Sequence[Statement], *, at_once: Collection[int] = (), permutations: int = 200, seed: int = 0) -> Conversation:
    """Compute the figures of a conversation.

    Args:
        statements: What was said, oldest first.
        at_once: Indexes of the rounds in which all spoke at once, so that nobody could take up what was said in the same round.
        permutations: Draws of the chance baseline; 0 leaves it out.
        seed: Seed of these draws.
    """
    said = tuple(statement for statement in statements if statement.text.strip())
    speakers = tuple(dict.fromkeys(statement.seat for statement in statements))
    words = {name: sum(len(read(one.text).words) for one in said if one.seat == name) for name in speakers}
    total = sum(words.values())
    shares = {name: count / total for name, count in words.items()} if total else dict.fromkeys(speakers, 0.0)
    could_hear = _could_hear(said, frozenset(at_once))
    strengths = _uptakes(said, could_hear)
    matrix = _matrix(said, strengths, speakers)
    give = {name: sum(matrix[row]) for row, name in enumerate(speakers)}
    get = {name: sum(line[column] for line in matrix) for column, name in enumerate(speakers)}
    heard = _heard(said, strengths, speakers)
    standing = _baseline(said, speakers, could_hear, permutations, seed)
    return Conversation(
        speakers=speakers,
        shares=shares,
        evenness=evenness(list(shares.values())),
        gini=gini(list(shares.values())),
        matrix=matrix,
        give=give,
        get=get,
        balance={name: 1 - abs(give[name] - get[name]) / (give[name] + get[name]) if give[name] + get[name] else None for name in speakers},
        reciprocity=mutuality(matrix),
        get_gini=gini(list(get.values())),
        heard=heard,
        never_heard=tuple(name for name in speakers if heard[name] == 0),
        baseline_z=standing["uptake"],
        reciprocity_z=standing["reciprocity"],
        get_gini_z=standing["get_gini"],
    )


def evenness(shares: Sequence[float]) -> float | None:
    """Return the entropy of shares over its maximum, or None for fewer than two."""
    total = sum(shares)
    if len(shares) < 2 or not total:  # noqa: PLR2004 - one speaker is neither even nor uneven
        return None
    return -sum(share / total * math.log(share / total) for share in shares if share) / math.log(len(shares))


def gini(figures: Sequence[float]) -> float | None:
    """Return the Gini coefficient with the small-sample correction n / (n - 1), or None for fewer than two figures or no total."""
    count, total = len(figures), sum(figures)
    if count < 2 or not total:  # noqa: PLR2004 - as above
        return None
    differences = sum(abs(one - other) for one in figures for other in figures)
    return differences / (2 * count * total) * count / (count - 1)


def mutuality(matrix: Matrix) -> float | None:
    """Return the share of uptake that is mutual: 1 if every pair takes up each other equally, 0 if all goes one way."""
    total = sum(map(sum, matrix))
    if not total:
        return None
    pairs = ((row, column) for row in range(len(matrix)) for column in range(row))
    return 2 * sum(min(matrix[row][column], matrix[column][row]) for row, column in pairs) / total


def _could_hear(said: Sequence[Statement], at_once: frozenset[int]) -> list[int]:
    """For each statement how many of the first ones its speaker could have heard."""
    begins: dict[int, int] = {}
    for index, statement in enumerate(said):
        begins.setdefault(statement.round_index, index)
    return [begins[one.round_index] if one.round_index in at_once else index for index, one in enumerate(said)]


def _uptakes(said: Sequence[Statement], could_hear: Sequence[int]) -> list[list[tuple[int, float]]]:
    """For each statement the positions of earlier ones it takes up, with the strength."""
    positions = {id(statement): index for index, statement in enumerate(said)}
    found: list[list[tuple[int, float]]] = []
    for index, statement in enumerate(said):
        result = uptake(JudgedTurn(statement=statement, previous=tuple(said[: could_hear[index]])))
        edges = zip(result.strengths, result.earlier, strict=True)
        found.append([(positions[id(earlier)], strength) for strength, earlier in edges])
    return found


def _matrix(said: Sequence[Statement], strengths: list[list[tuple[int, float]]], speakers: Sequence[str]) -> Matrix:
    place = {name: index for index, name in enumerate(speakers)}
    matrix = [[0.0] * len(speakers) for _ in speakers]
    for index, edges in enumerate(strengths):
        best: dict[str, float] = {}
        for position, strength in edges:
            name = said[position].seat
            best[name] = max(best.get(name, 0.0), strength)
        for name, strength in best.items():
            matrix[place[said[index].seat]][place[name]] += strength
    return tuple(map(tuple, matrix))


def _heard(said: Sequence[Statement], strengths: list[list[tuple[int, float]]], speakers: Sequence[str]) -> dict[str, float | None]:
    taken = {position for edges in strengths for position, strength in edges if strength >= HEARD}
    last = {name: max((index for index, one in enumerate(said) if one.seat != name), default=-1) for name in speakers}
    heard: dict[str, float | None] = {}
    for name in speakers:
        could = [index for index, one in enumerate(said) if one.seat == name and index < last[name]]
        heard[name] = sum(index in taken for index in could) / len(could) if could else None
    return heard


def _baseline(
    said: Sequence[Statement], speakers: Sequence[str], could_hear: Sequence[int], permutations: int, seed: int
) -> dict[str, float | None]:
    """Compare what is taken up from the true earlier turns with what is taken up where other turns are put in their place.

    Each turn is linked to the one it is most like among the last turns of others. In a draw every one of these is replaced by a turn of
    anybody but the speaker, and stands for its old author: who could take up whom stays, only what was said is shuffled. Likeness of
    words and fields stands for uptake here, since whole comparisons of 200 shuffles would take minutes.
    """
    linked = [(index, _last_others(said, index, could_hear[index])) for index in range(len(said))]
    linked = [(index, earlier) for index, earlier in linked if earlier]
    if permutations < 1 or len(linked) < 3:  # noqa: PLR2004 - fewer exchanges have no distribution
        return dict.fromkeys(_BASELINES)
    overlap = _cached_overlap(said)
    place = {name: index for index, name in enumerate(speakers)}

    def figures(pick: Callable[[int, int], int]) -> tuple[float, float | None, float | None]:
        matrix = [[0.0] * len(speakers) for _ in speakers]
        for index, earlier in linked:
            strength, other = max((overlap(index, pick(index, other)), other) for other in earlier)
            matrix[place[said[index].seat]][place[said[other].seat]] += strength
        return sum(map(sum, matrix)), mutuality(tuple(map(tuple, matrix))), gini([sum(column) for column in zip(*matrix, strict=True)])

    rng = random.Random(seed)
    everybody = range(len(said))
    choices = {
        index: [other for other in everybody if said[other].seat != said[index].seat and not could_hear[index] <= other <= index]
        for index, _ in linked
    }
    true = figures(lambda _, other: other)
    drawn = [figures(lambda index, _: rng.choice(choices[index])) for _ in range(permutations)]
    return {name: _standing(figure, column) for name, figure, column in zip(_BASELINES, true, zip(*drawn, strict=True), strict=True)}


def _standing(true: float | None, drawn: Sequence[float | None]) -> float | None:
    """Return how many standard deviations a figure stands above those drawn."""
    known = [figure for figure in drawn if figure is not None]
    if true is None or not known:
        return None
    spread = pstdev(known)
    return (true - fmean(known)) / spread if spread > 1e-9 else 0.0  # noqa: PLR2004 - a spread of nothing


def _last_others(said: Sequence[Statement], index: int, heard: int) -> list[int]:
    """Return the last turns of others that a speaker could have heard, as many as uptake looks back on."""
    return [earlier for earlier in range(heard - 1, -1, -1) if said[earlier].seat != said[index].seat][:LOOKS_BACK]


def _cached_overlap(said: Sequence[Statement]) -> Callable[[int, int], float]:
    known: dict[tuple[int, int], float] = {}

    def overlap(index: int, other: int) -> float:
        key = (min(index, other), max(index, other))
        if key not in known:
            known[key] = likeness(said[index].text, said[other].text)
        return known[key]

    return overlap


def likeness(text: str, other: str) -> float:
    """Return how alike two texts are in content words and fields of meaning, 0..1 (Dice coefficients, words counting double)."""
    here, there = matter(text), matter(other)
    words = 2 * len(here.stems.keys() & there.stems.keys()) / (len(here.stems) + len(there.stems) or 1)
    fields = 2 * len(here.fields & there.fields) / (len(here.fields) + len(there.fields) or 1)
    return (2 * words + fields) / 3


def influence(proposals: Mapping[str, str], final: str, *, permutations: int = 200, seed: int = 0) -> dict[str, float | None]:
    """Return by author how much more of a proposal is found in the final text than in proposals of others, in standard deviations.

    None where fewer than three proposals leave nothing to compare with. `permutations` draws of word-shuffled rivals make the baseline.
    """
    if len(proposals) < 3:  # noqa: PLR2004 - two proposals have no distribution
        return dict.fromkeys(proposals)
    target = matter(final).stems.keys()
    pool = sorted({key for text in proposals.values() for key in matter(text).stems})
    rng = random.Random(seed)
    figures: dict[str, float | None] = {}
    for name, text in proposals.items():
        own = list(matter(text).stems)
        if not own or not pool:
            figures[name] = None
            continue
        true = sum(key in target for key in own) / len(own)
        drawn = [sum(key in target for key in rng.sample(pool, len(own))) / len(own) for _ in range(permutations)]
        spread = pstdev(drawn)
        figures[name] = (true - fmean(drawn)) / spread if spread > 1e-9 else 0.0  # noqa: PLR2004 - as above
    return figures
