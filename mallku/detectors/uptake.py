"""Conversational uptake of one turn by the next: how far a reply builds on what was just said (Demszky et al. 2021)."""

import json
import math
import re
from functools import lru_cache
from importlib.resources import files

from mallku.detectors.acts import acts, pointing
from mallku.detectors.edges import edge
from mallku.detectors.fields import stem, telling
from mallku.detectors.ngrams import head
from mallku.detectors.reading import read

_ACKNOWLEDGES = re.compile(r"\b(?:okay|ok|good|right|yes|yeah|great|exactly|all right|alright|nice)\b", re.IGNORECASE)
_PROBES = re.compile(r"\b(?:why|how|what do you|so you|you said|you mean|because|explain|think|anybody|agree)\b", re.IGNORECASE)


def uptake_features(earlier: str, reply: str) -> dict[str, float]:
    """Return what shows uptake between a turn and the reply to it, by name."""
    one = edge(reply, earlier, "", last=True)
    shown = acts(reply)
    said, answered = read(earlier).words, read(reply).words
    said_set, answered_set = set(said), set(answered)
    telling_words = [word for word in said_set if telling(word) > 0]
    stems, answered_stems = {stem(word) for word in said_set}, {stem(word) for word in answered_set}
    return {
        "share": len(said_set & answered_set) / max(1, len(said_set)),
        "telling-share": sum(word in answered_set for word in telling_words) / max(1, len(telling_words)),
        "jaccard": len(said_set & answered_set) / max(1, len(said_set | answered_set)),
        "taken": one.taken,
        "about": one.about,
        "words": one.words,
        "fields": one.fields,
        "numbers": one.numbers,
        "length-earlier": math.log1p(len(said)),
        "length-reply": math.log1p(len(answered)),
        "question": float("question" in shown),
        "acknowledges": float(bool(_ACKNOWLEDGES.search(reply[:40]))),
        "pointing": pointing(read(reply)),
        "second": float("second" in shown),
        "stem-share": len(stems & answered_stems) / max(1, len(stems)),
        "any": float(bool(said_set & answered_set)),
        "spans": min(3, len(one.spans)) / 3,
        "probes": float(bool(_PROBES.search(reply))),
    }


@lru_cache(maxsize=1)
def _weights() -> dict[str, float]:
    loaded: dict[str, float] = json.loads((files("mallku.detectors") / "data" / "heads" / "uptake.json").read_text(encoding="utf-8"))
    return loaded


def uptake_rating(earlier: str, reply: str) -> float:
    """Return the uptake of a turn in the reply to it as a standardised rating: 0 usual in lessons, 1 one standard deviation more."""
    table = _weights()
    features = uptake_features(earlier, reply)
    return table["bias"] + sum(table.get(name, 0.0) * value for name, value in features.items()) + table["wording"] * head(reply, "uptake")
