"""The panel that judges unless another is named, and scores of plain text without a circle."""

from collections.abc import Iterable
from functools import cache

from mallku.detectors.detector import Detector, Said, judged_turn
from mallku.detectors.embeddings import Embed, EmbeddedReciprocityDetector
from mallku.detectors.panel import Panel
from mallku.detectors.plugins import installed_detectors
from mallku.detectors.reciprocity import ReciprocityDetector
from mallku.detectors.resource_use import ResourceUseDetector
from mallku.detectors.sovereignty import SovereigntyDetector
from mallku.detectors.tone import ToneDetector
from mallku.detectors.topics import TOPICS, TopicDetector
from mallku.dialogue.score import TurnScores


def default_panel() -> Panel:
    """Return the detectors that come with mallku."""
    return Panel(
        (SovereigntyDetector(), ReciprocityDetector(), *(TopicDetector(topic) for topic in TOPICS), ToneDetector(), ResourceUseDetector())
    )


@cache
def _installed() -> tuple[Detector, ...]:
    """Return the detectors of installed packages, looked for once: reading what every package announces takes a while."""
    return installed_detectors()


def full_panel(embed: Embed | None = None) -> Panel:
    """Return the detectors that come with mallku and those of installed packages, as circles and `mallku score` use them.

    With `embed`, reciprocity has its third tier.
    """
    own = default_panel().detectors
    if embed is not None:
        own = tuple(EmbeddedReciprocityDetector(embed) if detector.dimension == "reciprocity" else detector for detector in own)
    return Panel((*own, *_installed()))


def score(text: str, *, previous: Iterable[Said] = (), question: str = "", speaker: str = "", panel: Panel | None = None) -> TurnScores:
    """Judge one text after the `previous` turns, with the full panel unless another is given."""
    return (panel or full_panel()).judge(judged_turn(text, previous=previous, question=question, speaker=speaker))
