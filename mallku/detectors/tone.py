"""Receptiveness of tone: how open to opposing views a statement sounds (Yeomans et al. 2020). A description, never a merit."""

import math

from mallku.detectors.address import without_address
from mallku.detectors.detector import JudgedTurn
from mallku.detectors.ngrams import head, ngrams, table
from mallku.detectors.reading import read
from mallku.dialogue.score import Evidence, Score

SPREAD = 2.2
"""Turns the fitted rating into a share of texts that sound less receptive: the fit keeps about 1 / SPREAD of the ratings' spread."""
SHORTEST = 5
"""Words a text needs for its tone to be told."""


class ToneDetector:
    """Scores the share of written replies to an opposing view that sound less receptive than this statement.

    English only: the markers do not carry over to other cultures. Reasoned disagreement may sound unreceptive and still be reciprocal.
    """

    dimension = "tone"

    def judge(self, turn: JudgedTurn) -> Score:
        """Rate the wording; unscored for short texts and languages other than English."""
        text, _ = without_address(turn.statement.text)
        reading = read(text)
        if reading.language != "en":
            return Score.unscored(self.dimension, "The figure is fitted on English only.", detector="tone/1")
        if len(reading.words) < SHORTEST:
            return Score.unscored(self.dimension, "The text is too short to have a tone.", detector="tone/1")
        rating = head(text, "receptiveness")
        bias = table()[1]["receptiveness"][1]
        return Score(
            dimension=self.dimension,
            value=0.5 * (1 + math.erf(SPREAD * rating / math.sqrt(2))),
            raw=rating,
            reason=f"Rated {rating:+.2f} standard deviations of receptiveness by its wording.",
            confidence=0.4,
            evidence=(
                Evidence(label="usual", contribution=bias),
                Evidence(label="wording", contribution=rating - bias, measured=float(len(ngrams(text))), unit="hashed sequences"),
            ),
            tiers=(2,),
            detector="tone/1",
        )


def act_probabilities(text: str) -> dict[str, float]:
    """Return the probabilities that a message probes, and that it agrees or disagrees, as in group problem solving (DeliData)."""
    return {name: 1 / (1 + math.exp(-max(-30.0, min(30.0, head(text, name))))) for name in ("probing", "agreement")}
