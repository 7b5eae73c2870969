"""Text from models, servers and strangers, made safe to print: no control characters, no hidden direction changes."""

import re
from typing import Final

# C0 and C1 controls (with them every ANSI escape) but newline; bidi overrides, zero-width marks, lone surrogates; tags and fillers.
_UNSAFE: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_MARKS: Final = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILE: Final = re.compile(f"([{_MARKS}]{{3}})[{_MARKS}]+")


def printable(text: str) -> str:
    """Return `text` fit for a terminal: line ends stay, controls and hidden marks go, piles of accents are cut to three."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return _PILE.sub(r"\1", _UNSAFE.sub("", plain))


def one_line(text: str, limit: int = 0) -> str:
    """Return `text` safe and on one line, cut with `…` where it is longer than `limit` characters."""
    line = " ".join(printable(text).split())
    return f"{line[: limit - 1].rstrip()}…" if limit and len(line) > limit else line
