"""The parts a page of minutes is made of. Every text in them is literal: whoever renders it must escape it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_NOT_IN_ANCHORS = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Text:
    """Plain words."""

    text: str
    """The words."""


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that stand out."""

    text: str
    """The words."""


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be copied letter by letter."""

    text: str
    """The letters."""


@dataclass(frozen=True, slots=True)
class Link:
    """A way to a turn."""

    turn: str
    """Id of the turn."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place where a turn stands; links lead here."""

    turn: str
    """Id of the turn."""


Inline = Text | Strong | Code | Link | Place
"""A piece of a line."""

Line = tuple[Inline, ...]
"""A line."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading."""

    level: int
    """From 1, the title."""
    line: Line
    """What it says."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    line: Line
    """What it says."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Somebody's own words."""

    text: str
    """The words, verbatim."""
    line: Line = ()
    """Who said it and where."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    lines: tuple[Line, ...]
    """Its items."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column names the rows."""

    caption: str
    """What it shows."""
    header: tuple[str, ...]
    """Names of the columns."""
    rows: tuple[tuple[Line, ...], ...]
    """Its rows, each as long as the header."""


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows is for those who want to know more."""


Block = Heading | Paragraph | Quote | Items | Table | PageBreak
"""A part of the page."""


def anchors(turns: Iterable[str]) -> Mapping[str, str]:
    """Give every turn an id that HTML and Markdown can link to; no two are alike."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for turn in turns:
        name = wanted = f"turn-{_NOT_IN_ANCHORS.sub('-', turn).strip('-').lower()}"
        number = 1
        while name in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name)
        given[turn] = name
    return given


def shortened(text: str, length: int) -> str:
    """Cut a line at a word, with `…`."""
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " …"


def visible(text: str) -> str:
    """Show what would be invisible or turn the reading direction: control and direction characters as their code points."""
    return "".join(f"⟨U+{ord(mark):04X}⟩" if _is_hidden(mark) else mark for mark in text)


def _is_hidden(mark: str) -> bool:
    code = ord(mark)
    control = code < 0x20 and mark not in "\n\t\r"  # noqa: PLR2004 - C0
    direction = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069  # noqa: PLR2004 - Unicode Standard Annex 9
    return control or direction or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF  # noqa: PLR2004 - C1, surrogates


def lines_of(text: str) -> list[str]:
    """Split a text into its lines, with every character that some renderer takes for a line's end."""
    return visible(re.sub("\r\n|[\r\u2028\u2029\u0085\v\f]", "\n", text)).strip("\n").split("\n")
