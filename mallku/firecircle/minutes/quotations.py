"""Checking a summary: every quotation in it must stand, word for word, in the transcript."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mallku.dialogue.transcript import Transcript

_QUOTED: Final = re.compile(r'"([^"\n]+)"|“([^”\n]+)”|«([^»\n]+)»|„([^“”\n]+)[“”]')
_BLOCK: Final = re.compile(r"^ {0,3}> ?(.*)$", re.MULTILINE)
_ELLIPSIS: Final = re.compile(r"\s*(?:\[\s*)?(?:…|\.\.\.)(?:\s*\])?\s*")
_FEWEST_WORDS: Final = 2
_STRAIGHT: Final = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‐": "-"})  # noqa: RUF001 - look-alikes on purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """A quotation in a summary, and whether it was really said."""

    text: str
    """The quotation as the summary has it, without its marks."""
    turns: tuple[str, ...]
    """Turns in which it stands word for word; none if nobody said it."""

    @property
    def is_genuine(self) -> bool:
        """Whether somebody said it."""
        return bool(self.turns)


def verify_quotations(summary: str, transcript: Transcript, *, others: Sequence[tuple[str, str]] = ()) -> tuple[Quotation, ...]:
    """Look up every quotation of a summary in what was said.

    Text in quotation marks of two words or more and Markdown blockquotes are quotations. Every letter and word counts, but for the case of
    the first letter. Spaces, the form of quotation marks, apostrophes and dashes do not, nor a full stop or comma at the end.
    An ellipsis stands for words left out: the parts around it must follow each other in one turn.

    Args:
        summary: The text to check.
        transcript: What was said.
        others: Further texts one may quote from, such as ballots' reasons and dissent, each as turn id and text.
    """
    sources = [(statement.turn, _plain(statement.text)) for statement in transcript.statements]
    sources += [(turn, _plain(text)) for turn, text in others]
    sources += [("question", _plain(transcript.question)), ("context", _plain(transcript.context))]
    return tuple(
        Quotation(text=quoted, turns=tuple(dict.fromkeys(turn for turn, text in sources if _stands_in(quoted, text))))
        for quoted in _quotations(summary)
    )


def _quotations(summary: str) -> Iterable[str]:
    block: list[str] = []
    for line in (*summary.splitlines(), ""):
        match = _BLOCK.match(line)
        if match:
            block.append(match[1])
        elif block:
            yield " ".join(block).strip()
            block = []
    for match in _QUOTED.finditer(_BLOCK.sub("", summary)):
        quoted = next(group for group in match.groups() if group is not None).strip()
        if len(quoted.split()) >= _FEWEST_WORDS:
            yield quoted


def _stands_in(quoted: str, text: str) -> bool:
    parts = [_plain(part).strip(" .,;:") for part in _ELLIPSIS.split(quoted)]
    parts = [part for part in parts if part]
    place = 0
    for part in parts:
        found = _find(part, text, place)
        if found < 0:
            return False
        place = found + len(part)
    return bool(parts)


def _find(part: str, text: str, start: int) -> int:
    """Find a part that begins and ends at the bounds of words; its first letter may differ in case."""
    pattern = f"(?i:{re.escape(part[0])}){re.escape(part[1:])}"
    bounded = rf"(?<!\w){pattern}(?!\w)"
    match = re.compile(bounded).search(text, start)
    return match.start() if match else -1


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).translate(_STRAIGHT).split())
