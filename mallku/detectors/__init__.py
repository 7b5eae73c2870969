"""What we notice in statements: detectors, each score with the evidence it rests on."""

from mallku.detectors.conversation import Conversation, conversation, influence
from mallku.detectors.default import default_panel, full_panel, score
from mallku.detectors.detector import Detector, JudgedTurn, Said, judged_turn
from mallku.detectors.panel import Panel
from mallku.detectors.plugins import installed_detectors
from mallku.detectors.reason_index import ReasonIndex, reason_index
from mallku.detectors.reciprocity import ReciprocityDetector
from mallku.detectors.replies import answered, reply_matrix
from mallku.detectors.resource_use import ResourceUse, ResourceUseDetector, resource_use
from mallku.detectors.scoring import row_lines, score_file, score_table, score_transcript, write_rows
from mallku.detectors.sovereignty import SovereigntyDetector
from mallku.detectors.texts import read_items
from mallku.detectors.tone import ToneDetector, act_probabilities
from mallku.detectors.topics import TOPICS, TopicDetector
from mallku.detectors.uptake import uptake_rating

__all__ = [
    "TOPICS",
    "Conversation",
    "Detector",
    "JudgedTurn",
    "Panel",
    "ReasonIndex",
    "ReciprocityDetector",
    "ResourceUse",
    "ResourceUseDetector",
    "Said",
    "SovereigntyDetector",
    "ToneDetector",
    "TopicDetector",
    "act_probabilities",
    "answered",
    "conversation",
    "default_panel",
    "full_panel",
    "influence",
    "installed_detectors",
    "judged_turn",
    "read_items",
    "reason_index",
    "reply_matrix",
    "resource_use",
    "row_lines",
    "score",
    "score_file",
    "score_table",
    "score_transcript",
    "uptake_rating",
    "write_rows",
]
