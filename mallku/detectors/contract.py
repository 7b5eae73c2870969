"""The contract of a detector as a suite of tests: subclass `DetectorContract` and give it your detector."""

import math

from mallku.detectors.detector import Detector, JudgedTurn, judged_turn
from mallku.dialogue.score import Score

_TEXTS = (
    "We keep the records in our own house, and the assembly decides who reads them.",
    "Ada is right about the price. What if we ask Bo for a second offer?",
    'He said: "Trust us."',
    "",
    "   ",
    "!!!",
    "ownership privacy community control",
    "¿Quién decide? Nosotros.",
    "🌽 \u0000 \u202e x",
    "word " * 3000,
)
_PREVIOUS = (("Ada", "The price went up by nine hundred."), ("Bo", "Then let us look for another supplier."))


class DetectorContract:
    """What every detector must do. Subclass it in a test module and override `make`."""

    def make(self) -> Detector:
        """Return a fresh detector."""
        raise NotImplementedError

    def turns(self) -> list[JudgedTurn]:
        """Return the turns that the suite judges; add your own."""
        return [
            judged_turn(text, previous=previous, question="Who should keep the records?", speaker="Cy")
            for text in _TEXTS
            for previous in ((), _PREVIOUS)
        ]

    def scores(self) -> list[tuple[JudgedTurn, Score]]:
        """Judge all turns."""
        detector = self.make()
        return [(turn, detector.judge(turn)) for turn in self.turns()]

    def test_it_is_a_detector_with_a_dimension(self) -> None:
        """The object implements the seam and names what it judges."""
        detector = self.make()
        assert isinstance(detector, Detector)
        assert detector.dimension

    def test_scores_carry_its_dimension_and_name(self) -> None:
        """A score says what was judged, and by whom."""
        detector = self.make()
        for _, score in self.scores():
            assert score.dimension == detector.dimension
            assert score.detector

    def test_figures_lie_between_0_and_1(self) -> None:
        """A value, presence and confidence are figures in 0..1."""
        for _, score in self.scores():
            for figure in (score.value, score.presence, score.confidence):
                assert figure is None or (math.isfinite(figure) and 0 <= figure <= 1)

    def test_what_is_unscored_says_why(self) -> None:
        """Without a value there is a reason."""
        for _, score in self.scores():
            assert score.value is not None or score.reason

    def test_what_is_scored_rests_on_evidence_that_adds_up(self) -> None:
        """Contributions of the evidence add up to the raw figure."""
        for _, score in self.scores():
            if score.value is not None:
                assert score.evidence
                assert score.raw is not None
                assert math.isclose(sum(one.contribution for one in score.evidence), score.raw, abs_tol=1e-6)

    def test_spans_are_verbatim(self) -> None:
        """A span's text stands at its place in the statement, or in the earlier turn it names."""
        for turn, score in self.scores():
            texts = {statement.turn: statement.text for statement in turn.previous} | {"": turn.statement.text}
            for one in score.evidence:
                if one.start is not None:
                    assert texts[one.turn][one.start : one.end] == one.text

    def test_judging_twice_gives_the_same(self) -> None:
        """A detector has no memory and throws no dice."""
        detector = self.make()
        for turn in self.turns():
            assert detector.judge(turn) == detector.judge(turn)
