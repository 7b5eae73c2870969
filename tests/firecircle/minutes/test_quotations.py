"""A summary may quote only what was said."""

import pytest

from mallku.dialogue.transcript import Statement, Transcript
from mallku.firecircle.minutes import verify_quotations

SAID = {
    "r0.Ada": "The well belongs to all of us, and it isn't bottomless. We should share it by rota.",
    "r0.Ben": "Whoever digs deeper should pay — that's only fair.",
}
TRANSCRIPT = Transcript(
    question="How should the valley share its well?",
    statements=tuple(Statement(turn=turn, seat=turn[3:], round_index=0, round_kind="opening", text=text) for turn, text in SAID.items()),
)


@pytest.mark.parametrize(
    ("summary", "turn"),
    [
        ('Ada said "The well belongs to all of us."', "r0.Ada"),
        ("Ada said “the well belongs to all of us”.", "r0.Ada"),
        ("Ada: «it isn\u2019t bottomless»", "r0.Ada"),
        ('Ben holds that "whoever digs deeper … only fair".', "r0.Ben"),
        ('Ben holds that "digs deeper should pay - that\'s only fair".', "r0.Ben"),
        ("> We should share it\n> by rota.", "r0.Ada"),
        ('They asked "How should the valley share its well?"', "question"),
        ('Dissent: "A rota cannot last"', "dissent.Ben"),
    ],
)
def test_what_was_said_is_found(summary, turn):
    (quotation,) = verify_quotations(summary, TRANSCRIPT, others=[("dissent.Ben", "A rota cannot last.")])

    assert quotation.is_genuine
    assert quotation.turns == (turn,)


@pytest.mark.parametrize(
    "summary",
    [
        'Ada said "The well belongs to none of us."',
        'Ada said "the well belongs to all of u".',
        'Ada said "We should share it by meters."',
        'Ada said "The well belongs to all of us … only fair".',
        'Ben said "only fair … digs deeper".',
        "> We should never share it.",
        'They said "…" and "... ...".',
        'Ada said "THE WELL belongs to all of us".',
    ],
)
def test_what_was_not_said_is_found_out(summary):
    quotations = verify_quotations(summary, TRANSCRIPT)

    assert not any(quotation.is_genuine for quotation in quotations)
    assert quotations or "…" in summary


def test_single_words_in_quotation_marks_are_no_quotations():
    assert verify_quotations('The so-called "rota" is new.', TRANSCRIPT) == ()
