"""What we notice in statements: detectors, each score with the evidence it rests on."""

from mallku.detectors.default import default_panel, score
from mallku.detectors.detector import Detector, JudgedTurn, Said, judged_turn
from mallku.detectors.panel import Panel
from mallku.detectors.plugins import installed_detectors
from mallku.detectors.reciprocity import ReciprocityDetector
from mallku.detectors.resource_use import ResourceUse, ResourceUseDetector, resource_use
from mallku.detectors.scoring import read_items, score_file, score_table, score_transcript, write_rows
from mallku.detectors.sovereignty import SovereigntyDetector
from mallku.detectors.topics import TOPICS, TopicDetector

__all__ = [
    "TOPICS",
    "Detector",
    "JudgedTurn",
    "Panel",
    "ReciprocityDetector",
    "ResourceUse",
    "ResourceUseDetector",
    "Said",
    "SovereigntyDetector",
    "TopicDetector",
    "default_panel",
    "installed_detectors",
    "judged_turn",
    "read_items",
    "resource_use",
    "score",
    "score_file",
    "score_table",
    "score_transcript",
    "write_rows",
]
