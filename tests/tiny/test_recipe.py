"""The corpus is made from its seed alone, in the circle's own prompt layout, and packed so that no answer can see itself."""

import json
import random
import re

import pytest

from mallku.dialogue.prompt_layout import CHARTER
from mallku.tiny.recipe.deliberations import USUAL_SEATS, Deliberations
from mallku.tiny.recipe.packing import Row, pack_row, pack_tree
from mallku.tiny.recipe.themes import THEMES

TOLD = re.compile(r"Round: exchange\..* (?:Answer|Respond to|Reply to|Speak to) ([A-Z][a-z]+)(?: by name)?\.\n")


@pytest.fixture(scope="module")
def deliberations():
    return Deliberations()


def letters(text):
    return [ord(letter) % 50_000 + 5 for letter in text]


def test_a_seed_makes_the_same_deliberation_every_time(deliberations):
    assert [deliberations.make(seed) for seed in range(20)] == [Deliberations().make(seed) for seed in range(20)]


def test_different_seeds_ask_different_questions(deliberations):
    questions = {deliberations.make(seed).segments[0] for seed in range(200)}

    assert len(questions) > 190


def test_prompts_have_the_layout_of_the_circle(deliberations):
    trees = [deliberations.make(seed) for seed in range(50)]

    assert all(tree.segments[0].startswith("<question>\n") for tree in trees)
    assert all(
        branch.turn.startswith("<turn>\nYou are ") and branch.turn.endswith("\n</turn>") for tree in trees for branch in tree.branches
    )
    assert sum(tree.system == CHARTER for tree in trees) > 30


def test_replies_to_ballots_are_json_with_the_reason_first(deliberations):
    branches = [branch for seed in range(80) for branch in deliberations.make(seed).branches if "Answer only with JSON" in branch.turn]
    answers = [json.loads(branch.reply) for branch in branches]

    assert len(answers) > 100
    assert all(next(iter(answer)) == "reason" for answer in answers)


def test_a_reply_told_to_answer_someone_names_that_seat(deliberations):
    branches = [branch for seed in range(150) for branch in deliberations.make(seed).branches]
    told = [(found[1], branch.reply) for branch in branches if (found := TOLD.search(branch.turn))]

    assert len(told) > 20
    assert all(name in reply for name, reply in told)


def test_every_default_persona_cares_about_themes_that_exist():
    known = {theme.care[0] for theme in THEMES}

    assert {care for *_, cares in USUAL_SEATS for care in cares} <= known


def seen_by(row, place):
    own = set(range(row.owns[place], place + 1))
    return own | set(range(row.starts[place], row.limits[place]))


def test_a_turn_sees_the_trunk_before_it_and_itself_and_nothing_else(deliberations):
    row = Row()
    tree = deliberations.make(11)
    pack_tree(row, tree, letters, random.Random(1), 60_000)
    trunk = len([1, *letters(tree.system), 0, 2])
    ends = {count: trunk + sum(map(len, tree.segments[:count])) for count in range(len(tree.segments) + 1)}
    firsts = [place for place in range(1, len(row.tokens)) if row.owns[place] == place]

    assert firsts
    for place in firsts:
        assert row.limits[place] in ends.values()
        assert row.positions[place] == row.limits[place]
        assert seen_by(row, place) == {*range(row.limits[place]), place}


def test_rows_fit_and_predict_what_comes_next(deliberations):
    for seed in range(5):
        row = pack_row(seed, deliberations, letters, 4096)
        pairs = [
            (row.tokens[place + 1], target)
            for place, target in enumerate(row.targets[:-1])
            if target >= 0 and row.owns[place] == row.owns[place + 1]
        ]

        assert 0 < len(row.tokens) <= 4096
        assert sum(ahead == target for ahead, target in pairs) >= len(pairs) - len(set(row.owns))
