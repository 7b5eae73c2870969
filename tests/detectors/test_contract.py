import sys
from pathlib import Path

from mallku.detectors import ReciprocityDetector, ResourceUseDetector, SovereigntyDetector, TopicDetector
from mallku.detectors.contract import DetectorContract
from mallku.detectors.embeddings import EmbeddedReciprocityDetector

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from own_detector import Curiosity


class TestSovereignty(DetectorContract):
    def make(self):
        return SovereigntyDetector()


class TestReciprocity(DetectorContract):
    def make(self):
        return ReciprocityDetector()


class TestPrivacy(DetectorContract):
    def make(self):
        return TopicDetector("privacy")


class TestCommunity(DetectorContract):
    def make(self):
        return TopicDetector("community")


class TestResourceTalk(DetectorContract):
    def make(self):
        return TopicDetector("resource_talk")


class TestResourceUse(DetectorContract):
    def make(self):
        return ResourceUseDetector()


class TestEmbeddedReciprocity(DetectorContract):
    def make(self):
        return EmbeddedReciprocityDetector(lambda texts: [[text.count(letter) for letter in "abcdefgh"] for text in texts])


class TestTheExample(DetectorContract):
    def make(self):
        return Curiosity()
