"""Private reasoning never becomes speech, however it is marked and wherever the stream is cut into pieces."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mallku.wire.answer_channels import AnswerChannels, is_plain

FORMS = {
    "tags": ("<think>secret</think>\n\nspoken", "secret", "spoken"),
    "other tags": ("<thinking>secret</thinking>spoken", "secret", "spoken"),
    "upper case": ("<THINK>secret</THINK>spoken", "secret", "spoken"),
    "brackets": ("[THINK]secret[/THINK]spoken", "secret", "spoken"),
    "closed by a relative": ("<think>secret</thinking>spoken", "secret", "spoken"),
    "never closed": ("<think>secret and more", "secret and more", ""),
    "opened in the prompt": ("secret</think>spoken", "secret", "spoken"),
    "twice": ("<think>a</think>one <think>b</think>two", "ab", "one two"),
    "no reasoning": ("plain <b>text</b> with 1 < 2 [sic]", "", "plain <b>text</b> with 1 < 2 [sic]"),
    "nothing but an angle": ("<", "", "<"),
    "end marks": ("spoken<|im_end|></s>", "", "spoken"),
    "harmony": (
        "<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>final<|message|>spoken<|return|>",
        "secret",
        "spoken",
    ),
    "harmony with commentary": (
        (
            "<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>commentary to=x <|constrain|>json<|message|>{}<|call|>"
            "<|start|>assistant<|channel|>final<|message|>spoken"
        ),
        "secret{}",
        "spoken",
    ),
    "harmony without its tokens": ("analysisWe think secretly.assistantfinalspoken", "We think secretly.", "spoken"),
    "harmony without a final part": ("analysisWe think secretly", "We think secretly", ""),
    "a text about an analysis": ("analysis of the budget", "", "analysis of the budget"),
    "a text that begins like harmony": ("anal", "", "anal"),
}


def read(pieces):
    channels = AnswerChannels()
    deltas = [delta for piece in pieces for delta in channels.add_text(piece)] + channels.finish()
    return channels, deltas


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_reasoning_is_kept_apart_in_every_form_and_any_pieces(form, size):
    whole, reasoning, text = FORMS[form]
    channels, _ = read(whole[start : start + size] for start in range(0, len(whole), size))

    assert channels.text == text
    assert channels.reasoning == reasoning


@pytest.mark.parametrize("form", [name for name in FORMS if name not in {"opened in the prompt", "end marks"}])
def test_no_public_delta_ever_shows_reasoning(form):
    whole, _, text = FORMS[form]
    _, deltas = read(whole)

    assert "".join(delta.text for delta in deltas if delta.channel == "text").strip() == text


def test_an_answer_known_to_begin_inside_the_reasoning_shows_nothing_before_its_end():
    channels = AnswerChannels(opened=True)

    assert channels.add_text("secret") == []
    assert [delta.channel for delta in channels.add_text("</think>spoken")] == ["reasoning", "text"]


def test_an_answer_that_did_not_reason_after_all_is_not_lost():
    channels = AnswerChannels(opened=True)
    channels.add_text("spoken at once")
    channels.finish()

    assert channels.text == "spoken at once"


@given(st.lists(st.text(alphabet="<>/think[]◁▷|channelfs ", max_size=12), max_size=12))
def test_whatever_comes_nothing_is_lost_but_marks(pieces):
    channels, deltas = read(pieces)

    assert len("".join(delta.text for delta in deltas)) <= len("".join(pieces))
    assert channels.text in "".join(pieces) or channels.opened_in_prompt or channels.reasoning


def test_harmony_that_begins_after_other_words_hides_its_private_channels_too():
    answer = AnswerChannels()
    for piece in ("Well", ", <|channel|>", "analysis<|message|>secret<|end|><|start|>assistant", "<|channel|>final<|message|>Ja."):
        answer.add_text(piece)
    answer.finish()

    assert (answer.text, answer.reasoning) == ("Well, Ja.", "secret")


def test_a_control_word_that_opens_no_channel_stays_text():
    answer = AnswerChannels()
    for piece in ("The word <|chan", "nel|> opens one. 1 <", " 2 <|channel|>"):
        answer.add_text(piece)
    answer.finish()

    assert answer.text == "The word <|channel|> opens one. 1 < 2 <|channel|>"


PARTS = st.sampled_from([*"a </<>[]◁▷| \n", "think", "analysis", "commentary", "final", "assistant", "to=functions."])


@given(st.lists(PARTS, max_size=12).map("".join))
@example("commentaryI look.")
@example(" analysisHmm.")
def test_what_is_told_plain_at_a_glance_is_nothing_but_speech(text):
    _, deltas = read([text])

    if is_plain(text):
        assert {delta.channel for delta in deltas} <= {"text"}
        assert "".join(delta.text for delta in deltas) == text


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_reasoning_is_taken_for_plain(form):
    whole, reasoning, _ = FORMS[form]

    assert not (reasoning and is_plain(whole))
    assert is_plain("The well is deep, and an analysis (of 12 m) says so.")
