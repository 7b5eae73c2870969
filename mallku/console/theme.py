"""Colours, marks and the terminal: what the views look like."""

import sys
from dataclasses import dataclass
from typing import IO, Final

from rich.console import Console
from rich.theme import Theme

WIDEST: Final = 112
"""Columns beyond which lines are not drawn longer, because they no longer read well."""

SEAT_STYLES: Final = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta", "bright_green", "bright_yellow")
"""Colours of the seats, in order; with more seats they begin again."""

THEME: Final = Theme(
    {
        "title": "bold",
        "quiet": "dim",
        "mark": "bold cyan",
        "good": "green",
        "bad": "red",
        "warn": "yellow",
        "bar": "cyan",
        "bar.rest": "dim",
        "key": "bold",
        "verdict": "bold green",
        "unresolved": "bold yellow",
    }
)
"""Names of styles, so that no view names a colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The signs a terminal can show."""

    dot: str
    """Stands before a speaker's name."""
    ring: str
    """Stands before somebody who waits."""
    arrow: str
    """Stands before somebody who speaks now."""
    done: str
    """Stands before somebody who has spoken."""
    lost: str
    """Stands before a seat that is lost."""
    full: str
    """One part of a bar that is filled."""
    rest: str
    """One part of a bar that is not."""
    levels: str
    """Eight heights of a bar one character wide."""
    line: str
    """A line across."""
    separator: str
    """Between things in a row."""


UNICODE: Final = Marks(dot="●", ring="○", arrow="▶", done="✓", lost="✗", full="━", rest="─", levels="▁▂▃▄▅▆▇█", line="─", separator="·")
"""Marks for terminals that show Unicode."""

ASCII: Final = Marks(dot="*", ring="o", arrow=">", done="+", lost="x", full="#", rest=".", levels="12345678", line="-", separator="-")
"""Marks for terminals that do not."""


def terminal(file: IO[str] | None = None, *, width: int | None = None) -> Console:
    """Return the console of `file`, stdout if none is given; it takes no markup, so that no text can style itself."""
    return Console(file=file or sys.stdout, theme=THEME, highlight=False, markup=False, emoji=False, width=width)


def marks_for(console: Console) -> Marks:
    """Return the marks this console can show."""
    return UNICODE if console.encoding.lower().startswith("utf") else ASCII


def seat_style(index: int) -> str:
    """Return the colour of the seat with this index."""
    return SEAT_STYLES[index % len(SEAT_STYLES)]
