import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from mallku.console.printable import one_line, printable

HIDDEN = {"Cc", "Cf", "Cs"}


@given(st.text())
def test_nothing_is_left_that_moves_the_cursor_or_turns_the_text_around(text):
    shown = printable(text)

    dangerous = [mark for mark in shown if unicodedata.category(mark) in {"Cc", "Cs"} and mark != "\n"]
    assert dangerous == []
    assert not {"\u202a", "\u202b", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u200b", "\u200e", "\u200f"} & set(shown)


@given(st.text())
def test_making_a_text_printable_twice_changes_nothing_more(text):
    assert printable(printable(text)) == printable(text)


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_a_line_is_one_line_and_not_longer_than_asked(text, limit):
    assert len(one_line(text, limit)) <= limit
    assert "\n" not in one_line(text)


def test_ordinary_writing_of_all_kinds_stays_as_it_is():
    for text in ("Straße, año, naïve", "水はみんなのもの", "ग्राम सभा", "שלום עולם", "🧑\u200d🌾 grows", "e\u0301te\u0301"):
        assert printable(text).replace("\u200d", "") == text.replace("\u200d", "")


def test_escapes_markup_and_piles_of_accents_lose_their_power():
    assert printable("\x1b[31mred\x1b[0m") == "[31mred[0m"
    assert printable("[red]text[/red]") == "[red]text[/red]"
    assert len(printable("a" + "\u0301" * 500)) == 4
    assert HIDDEN
