"""Text comes out in whole characters, and a stop text never shows."""

import itertools

import hypothesis.strategies as st
from hypothesis import given

from mallku.engine.text_assembly import TextAssembly


def run(raw, cuts, stops=()):
    assembly = TextAssembly(stops)
    edges = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    released = [assembly.push(raw[start:end]) for start, end in itertools.pairwise(edges)]
    return [*released, assembly.end()], assembly


CUTS = st.lists(st.integers(0, 200))


@given(text=st.text(), cuts=CUTS)
def test_the_pieces_join_to_the_text_wherever_it_is_cut(text, cuts):
    pieces, assembly = run(text.encode("utf-8", "replace"), cuts)

    assert "".join(pieces) == assembly.text == text.encode("utf-8", "replace").decode()


@given(text=st.text(alphabet="abc🔥é"), stop=st.text(alphabet="abc🔥", min_size=1, max_size=4), cuts=CUTS)
def test_nothing_from_the_stop_text_on_is_released(text, stop, cuts):
    pieces, assembly = run(text.encode(), cuts, (stop,))

    assert "".join(pieces) == assembly.text == text.split(stop, maxsplit=1)[0]
    assert assembly.is_stopped == (stop in text)


def test_of_two_stop_texts_the_earlier_one_counts():
    pieces, _ = run(b"one two three", [4], ("three", "two"))

    assert "".join(pieces) == "one "


def test_an_emoji_split_over_tokens_arrives_whole():
    pieces, _ = run("a👩🏽‍🌾b".encode(), range(40))

    assert [piece for piece in pieces if piece] == list("a👩🏽‍🌾b")


def test_half_a_character_at_the_end_shows_as_a_replacement():
    pieces, _ = run("é".encode()[:1], [])

    assert pieces == ["", "\ufffd"]
