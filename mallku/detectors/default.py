"""The panel that judges unless another is named, and scores of plain text without a circle."""

from collections.abc import Iterable

from mallku.detectors.detector import Said, judged_turn
from mallku.detectors.panel import Panel
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


def score(text: str, *, previous: Iterable[Said] = (), question: str = "", speaker: str = "", panel: Panel | None = None) -> TurnScores:
    """Judge one text after the `previous` turns, with the default panel unless another is given."""
    return (panel or default_panel()).judge(judged_turn(text, previous=previous, question=question, speaker=speaker))
