"""What we notice in statements: detectors, each score with the evidence it rests on."""

from mallku.detectors.default import default_panel, score
from mallku.detectors.detector import Detector, JudgedTurn, Said, judged_turn
from mallku.detectors.panel import Panel
from mallku.detectors.plugins import installed_detectors
from mallku.detectors.resource_use import ResourceUse, ResourceUseDetector, resource_use

__all__ = [
    "Detector",
    "JudgedTurn",
    "Panel",
    "ResourceUse",
    "ResourceUseDetector",
    "Said",
    "default_panel",
    "installed_detectors",
    "judged_turn",
    "resource_use",
    "score",
]
