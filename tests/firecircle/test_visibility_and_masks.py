"""Who sees what, under which names, in which order."""

from collections import Counter

import pytest

from mallku.dialogue.ballot_form import read_ballot
from mallku.dialogue.prompt_layout import lay_out_shared
from mallku.dialogue.transcript import Statement, Transcript, given_options
from mallku.dialogue.verdict import Ballot
from mallku.errors import ConfigurationError
from mallku.firecircle.ballot_papers import ballot_papers, paper_as_read
from mallku.firecircle.masks import mask_names, mask_statements, masks_for
from mallku.firecircle.visibility import as_seen, visible

SEATS = ("Ada", "Ben", "Cleo")


def said(seat, round_index, kind="opening"):
    return Statement(turn=f"r{round_index}.{seat}", seat=seat, round_index=round_index, round_kind=kind, text=f"{seat} in {round_index}")


TALK = Transcript(question="?", statements=tuple(said(seat, index) for index in (0, 1) for seat in SEATS))


def turns(statements):
    return [statement.turn for statement in statements]


def test_sealed_hides_all_but_ones_own_words_and_the_conveners():
    talk = TALK.said(said("convener", 1, "remark"))
    assert turns(visible(talk, "Ben", 1, "sealed")) == ["r0.Ben", "r1.Ben", "r1.convener"]


def test_previous_rounds_hides_the_round_that_is_going_on():
    assert turns(visible(TALK, "Dov", 1, "previous-rounds")) == ["r0.Ada", "r0.Ben", "r0.Cleo"]


def test_all_hides_nothing():
    assert visible(TALK, "Dov", 1, "all") == TALK.statements


@pytest.mark.parametrize(
    ("paradigm", "seat", "heard"),
    [
        ("memory", "Ben", "Ada Ben Cleo Ada Ben Cleo"),
        ("relay", "Ben", "Ada Ben Ada Ben"),
        ("relay", "Ada", "Ada Cleo Ada Cleo"),
        ("report", "Ada", "Ada Ben Cleo Ada Ben Cleo"),
        ("report", "Cleo", "Ada Cleo Ada Cleo"),
        ("debate", "Ben", "Ada Ben Cleo Ada Ben Cleo"),
    ],
)
def test_a_paradigm_says_whom_a_seat_hears(paradigm, seat, heard):
    assert " ".join(statement.seat for statement in visible(TALK, seat, 2, paradigm=paradigm, seats=SEATS)) == heard


def test_in_a_debate_the_first_seat_hears_the_conclusions():
    assert turns(visible(TALK, "Ada", 2, paradigm="debate", seats=SEATS)) == ["r0.Ada", "r1.Ada", "r1.Ben", "r1.Cleo"]


def test_a_paradigm_and_a_round_narrow_each_other():
    assert turns(visible(TALK, "Ben", 1, "previous-rounds", paradigm="relay", seats=SEATS)) == ["r0.Ada", "r0.Ben", "r1.Ben"]


@pytest.mark.parametrize("setting", [{"visibility": "open"}, {"paradigm": "chain"}])
def test_unknown_settings_are_refused(setting):
    with pytest.raises(ConfigurationError, match="Use one of"):
        visible(TALK, "Ada", 0, **setting)


def test_a_digest_does_not_tell_what_a_seat_may_not_see():
    condensed = Transcript(question="?", statements=TALK.statements, digests={0: "Ada said yes."})
    assert "Ada said yes" not in lay_out_shared(as_seen(condensed, visible(condensed, "Ben", 1, "sealed")))
    assert "Ada said yes" in lay_out_shared(as_seen(condensed, visible(condensed, "Ben", 1, "previous-rounds")))


def test_masks_are_drawn_and_every_seat_gets_every_number():
    assert set(masks_for(SEATS, seed=1).values()) == {"Voice 1", "Voice 2", "Voice 3"}
    assert {masks_for(SEATS, seed=seed)["Ada"] for seed in range(30)} == {"Voice 1", "Voice 2", "Voice 3"}
    assert masks_for(SEATS, seed=1) == masks_for(SEATS[::-1], seed=1)


def test_names_inside_texts_are_masked_as_whole_words():
    masks = {"Ada": "Voice 1", "Ada Lovelace": "Voice 2", "J. (x)": "Voice 3"}
    assert mask_names("Ada's Adage: Ada Lovelace and J. (x), not Adam", masks) == "Voice 1's Adage: Voice 2 and Voice 3, not Adam"
    assert mask_names("nothing", {}) == "nothing"


def test_a_masked_statement_names_nobody():
    masks = masks_for(SEATS, seed=4)
    masked = mask_statements(TALK.statements, masks)
    assert not any(name in repr(statement.seat + statement.text) for statement in masked for name in SEATS)
    assert [statement.turn for statement in masked] == turns(TALK.statements)


def test_every_option_stands_first_equally_often():
    papers = ballot_papers(given_options(["x", "y", "z"]), [f"s{index}" for index in range(6)], seed=8)
    assert set(Counter(paper.positions[0] for paper in papers).values()) == {2}
    assert len({paper.positions for paper in papers}) == 6


def test_a_ballot_is_read_back_under_the_real_labels():
    for paper in ballot_papers(given_options(["x", "y", "z"]), SEATS, seed=2):
        assert [option.label for option in paper.options] == ["A", "B", "C"]
        wanted = next(option for option in paper.options if option.text == "y")
        cast = read_ballot("choice", "ABC", paper.reader, f'{{"reason": "", "choice": "{wanted.label}"}}')
        assert isinstance(cast, Ballot)
        assert paper.read_back(cast).choice == "B"
    assert {paper.options[0].author for paper in ballot_papers(given_options(["x"]), SEATS, seed=2)} == {""}


def test_every_kind_of_ballot_is_read_back():
    paper = ballot_papers(given_options(["x", "y", "z"]), ["Ada"], seed=2)[0]
    to_real = paper.original
    ballot = Ballot(
        seat="Ada", kind="ranking", ranking=(("A",), ("B", "C")), approved=("A",), scores={"B": 1}, grades={"C": "good"}, silent=("A",)
    )
    back = paper.read_back(ballot)
    assert back.ranking == ((to_real["A"],), (to_real["B"], to_real["C"]))
    assert (back.approved, back.scores, back.grades, back.silent) == (
        (to_real["A"],),
        {to_real["B"]: 1},
        {to_real["C"]: "good"},
        (to_real["A"],),
    )


def test_labels_can_stay():
    papers = ballot_papers(given_options(["x", "y", "z"]), SEATS, seed=2, relabel=False)
    assert all(paper.positions == tuple(option.label for option in paper.options) for paper in papers)


def test_a_ballot_is_silent_on_what_did_not_stand_on_its_paper():
    paper = paper_as_read(given_options(["x", "y", "z"]), ("C", "A"), "Ben", relabel=True)
    assert [(option.label, option.text) for option in paper.options] == [("A", "z"), ("B", "x")]
    back = paper.read_back(Ballot(seat="Ben", kind="ranking", ranking=(("B",), ("A",))))
    assert (back.ranking, back.silent) == ((("A",), ("C",)), ("B",))
