"""Sovereignty: who should hold control over data, models, machines, decisions and exit, by the author's own word."""

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files

from mallku.detectors.address import without_address
from mallku.detectors.detector import JudgedTurn, names_of
from mallku.detectors.fields import is_function_word_anywhere
from mallku.detectors.frames import Parsed, parsed
from mallku.detectors.relations import FACETS
from mallku.detectors.stance import SATURATION, Ruled, rules_stance
from mallku.detectors.units import Unit
from mallku.detectors.wording import Wording, worded
from mallku.dialogue.score import Evidence, Score

PRESENT = 0.26
"""Presence from which on the rules alone give a stance."""
PLAIN, FIRM = 0.4, 0.7
"""Stance by rules from which on a single unanimous sentence is plain, and the share of it that then holds whatever the wording."""
SHOWN = 0.1
"""Smallest part of the stance that a word is shown for."""


@lru_cache(maxsize=1)
def stance_weights() -> dict[str, float]:
    """Load how rules and wording are put together."""
    loaded: dict[str, float] = json.loads((files("mallku.detectors") / "data" / "heads" / "stance.json").read_text(encoding="utf-8"))
    return loaded


class SovereigntyDetector:
    """Scores the stance from -1, plain ceding of control, to 1, concrete control, shown as 0..1."""

    dimension = "sovereignty"

    def __init__(self, *, wording: bool = True) -> None:
        """Judge by rules and wording, or with `wording=False` by the rules of the first tier alone."""
        self.wording = wording
        """Whether the second tier speaks as well."""

    def judge(self, turn: JudgedTurn) -> Score:
        """Judge the author's stance; unscored if control is not addressed."""
        text, _ = without_address(turn.statement.text)
        names = names_of(turn)
        found = parsed(text, names)
        ruled = rules_stance(found)
        said = worded(text, names) if self.wording else None
        if said and _others_only(found):
            said = said._replace(figures=(0.0, *said.figures[1:]), stance_at={})
        raw, presence, threshold = together(ruled.stance, ruled.total, said)
        firm = firmly(ruled, raw, sentences=found.reading.lists.count(False)) if said else raw
        tiers = (1, 2) if said else (1,)
        if presence < threshold:
            return Score(
                dimension=self.dimension,
                value=None,
                reason="Control is not addressed.",
                presence=presence,
                tiers=tiers,
                detector="sovereignty/2",
            )
        stance = max(-1.0, min(1.0, firm))
        return Score(
            dimension=self.dimension,
            value=0.5 + 0.5 * stance,
            raw=stance,
            presence=presence,
            confidence=(1.0 if found.reading.language else 0.3) * presence * min(1.0, abs(raw) / 0.7),
            evidence=tuple(_evidence(turn.statement.text, found, ruled, said, stance - raw)),
            tiers=tiers,
            detector="sovereignty/2",
        )


def _others_only(found: Parsed) -> bool:
    """Whether all that is said about control is somebody else's, quoted or reported without a stand."""
    reported = any(voice and any(one.weight == 0 for one in voice) for voice in found.voices)
    return reported and not any(frame.voice for frame in found.frames)


def firmly(ruled: Ruled, raw: float, *, sentences: int) -> float:
    """Let the rules have the last word where one sentence says one thing plainly: there they see who acts and what is denied."""
    one_way = ruled.weighed and all((figure > 0) == (ruled.stance > 0) for _, figure in ruled.weighed)
    if sentences > 1 or not one_way or abs(ruled.stance) < PLAIN:
        return raw
    held = FIRM * ruled.stance
    return max(raw, held) if held > 0 else min(raw, held)


def together(ruled: float, total: float, said: Wording | None) -> tuple[float, float, float]:
    """Put rules and wording together: the stance, the presence, and the presence from which on a stance is given."""
    if said is None:
        return ruled, 1 - math.exp(-total), PRESENT
    weights = stance_weights()
    raw = weights["rules"] * ruled + weights["wording"] * said.figures[0]
    odds = (
        weights["bias"]
        - weights["absence"] * said.figures[1]
        + weights["frames"] * (1 - math.exp(-total))
        + weights["size"] * min(1.0, abs(raw))
    )
    return raw, 1 / (1 + math.exp(-max(-30.0, min(30.0, odds)))), weights["threshold"]


_TELLING = frozenset(("self", "nobody", "negation", "normative"))


def _tells(unit: Unit) -> bool:
    """Whether a reader sees why a unit should count by itself; what other small words and marks add is told in one figure."""
    return unit.word[0].isalnum() and (not is_function_word_anywhere(unit.word) or not _TELLING.isdisjoint(unit.classes))


def _evidence(text: str, found: Parsed, ruled: Ruled, said: Wording | None, bounded: float) -> Iterator[Evidence]:
    weights = stance_weights()
    scale = (weights["rules"] if said else 1.0) / (SATURATION + ruled.total)
    for frame, figure in ruled.weighed:
        negated = "not-" if frame.negated else ""
        yield Evidence(
            label=f"{FACETS.get(frame.relation, '')}/{negated}{frame.relation}:{frame.agent or 'unnamed'}",
            contribution=figure * scale,
            start=frame.start,
            end=frame.end,
            text=text[frame.start : frame.end],
        )
    if said:
        rest = said.figures[0]
        places = [unit for sentence in found.parts for unit in sentence]
        for place, figure in said.stance_at.items():
            if place >= 0 and abs(figure) >= SHOWN and _tells(places[place]):
                unit = places[place]
                rest -= figure
                yield Evidence(
                    label="wording",
                    contribution=figure * weights["wording"],
                    start=unit.start,
                    end=unit.end,
                    text=text[unit.start : unit.end],
                )
        yield Evidence(label="wording, the rest", contribution=rest * weights["wording"])
    if bounded:
        yield Evidence(label="bounds", contribution=bounded)
