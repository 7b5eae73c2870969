import pytest

from mallku.detectors import Panel, default_panel, judged_turn, score
from mallku.dialogue.score import Score
from mallku.errors import ConfigurationError


class Length:
    dimension = "length"

    def judge(self, turn):
        return Score(dimension="length", value=min(1.0, len(turn.statement.text) / 100), raw=0.0, detector="length/1")


class Broken:
    dimension = "broken"

    def judge(self, turn):
        raise ZeroDivisionError("no words")


def test_a_failing_detector_is_unscored_with_the_error_and_the_others_still_judge():
    scores = Panel([Broken(), Length()]).judge(judged_turn("x" * 50)).scores
    assert [item.dimension for item in scores] == ["broken", "length"]
    assert scores[0].value is None
    assert "ZeroDivisionError" in scores[0].reason
    assert scores[1].value == 0.5


def test_two_detectors_of_one_dimension_are_refused():
    with pytest.raises(ConfigurationError, match="'length'"):
        Panel([Length(), Length()])


def test_previous_turns_are_taken_as_pairs_mappings_or_statements():
    turn = judged_turn("Yes.", previous=[("Ada", "One."), {"speaker": "Bo", "text": "Two."}], speaker="Cy")
    again = judged_turn("Yes.", previous=turn.previous)
    assert [(item.seat, item.text) for item in again.previous] == [("Ada", "One."), ("Bo", "Two.")]
    assert turn.seats == ("Ada", "Bo", "Cy")


def test_the_default_panel_gives_one_score_for_each_dimension():
    scores = score("We keep the books ourselves.").scores
    assert tuple(item.dimension for item in scores) == default_panel().dimensions
