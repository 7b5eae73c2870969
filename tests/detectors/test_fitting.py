import subprocess
import sys

import numpy as np
import pytest

from mallku.detectors import act_probabilities, judged_turn, uptake_rating
from mallku.detectors.fitting.corpora import DEFAULT, control_pairs, labelled
from mallku.detectors.fitting.fit import compared, fit_matrix
from mallku.detectors.fitting.learning import auc, calibration, folds, interval, spearman
from mallku.detectors.lexicon import LANGUAGES, lexicon
from mallku.detectors.ngrams import HEADS, table
from mallku.detectors.reciprocity import weights
from mallku.detectors.sovereignty import SovereigntyDetector
from mallku.errors import UsageError


def test_importing_the_detectors_loads_neither_numpy_nor_any_other_heavy_library():
    heavy = ("numpy", "openai", "rich", "sqlalchemy", "fastapi", "llama_cpp")
    code = f"import sys, mallku.detectors; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_judging_loads_no_numpy_either():
    judging = "score('We keep the keys ourselves, Ada.', previous=[('Ada', 'Who has the keys?')])"
    code = f"import sys; from mallku.detectors import score; {judging}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_the_development_data_is_whole():
    items = labelled(DEFAULT)
    assert len(items) > 3000
    assert len({item.id for item in items}) == len(items)
    assert all(item.sovereignty is None or -1 <= item.sovereignty <= 1 for item in items)
    assert all((item.reciprocity is None) == (not item.previous) for item in items)
    assert all(set(item.engages) <= {name for name, _ in item.previous} for item in items)
    assert len(control_pairs(DEFAULT)) == 102


def test_a_folder_without_data_is_named(tmp_path):
    with pytest.raises(UsageError, match="There is no 'mallku_dev"):
        labelled(tmp_path)


def test_control_pairs_are_ordered_rightly():
    detector = SovereigntyDetector()

    right = [
        (detector.judge(judged_turn(claims)).raw or 0) > (detector.judge(judged_turn(cedes)).raw or 0)
        for claims, cedes in control_pairs(DEFAULT)
    ]
    assert sum(right) / len(right) >= 0.9


def test_weights_are_of_features_that_exist():
    spoken = [item for item in labelled(DEFAULT) if item.reciprocity is not None]
    names, _ = fit_matrix([compared(item).features for item in spoken[:5]])
    assert set(weights()["statement"]) <= {*names, "bias"}


def test_every_hashed_head_has_weights():
    columns, scales = table()
    assert set(columns) == set(scales) == set(HEADS)
    assert all(any(column) for column in columns.values())


def test_a_probing_question_is_told_from_small_talk():
    assert act_probabilities("Why do you think we need to turn the 7?")["probing"] > 0.5 > act_probabilities("hello everyone")["probing"]


def test_a_reply_that_takes_up_the_words_has_more_uptake_than_a_bare_yes():
    said = "I multiplied the length by the width and got forty-two."
    assert uptake_rating(said, "So you multiplied length and width; why does that give the area?") > uptake_rating(said, "Okay.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_lexicon_of_holders_and_relations(language):
    words = lexicon(language)
    held = {label for labels in words.words.values() for label in labels} | {
        label for labels in words.words.stems.values() for label in labels
    }
    assert {"self", "other", "negation", "agent.collective", "agent.other", "hold", "decide", "give"} <= held


def test_measures_agree_with_their_definitions():
    truth, figures = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])
    assert auc(truth, figures) == 0.75
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])) == pytest.approx(1)
    brier, error, _ = calibration(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert brier == error == 0
    low, high = interval(lambda chosen: float(truth[chosen].mean()), 4)
    assert 0 <= low <= 0.5 <= high <= 1


def test_folds_never_split_a_group():
    dealt = folds(["a", "b", "a", "c", "b"], 3)
    assert dealt[0] == dealt[2]
    assert dealt[1] == dealt[4]
