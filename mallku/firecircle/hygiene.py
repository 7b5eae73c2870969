"""What a seat said, cleaned: no speaking for others, no frame, no own name in front."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mallku.dialogue.prompt_layout import unescape

FRAME_STOPS: Final = ("</statement", "<statement", "<turn")
"""Texts that end an answer: the participant has begun to write the frame itself."""

_FRAME: Final = re.compile(r"</?(?:statement|turn|question|context|options|digest)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanText:
    """A statement as it enters the transcript."""

    text: str
    """What the seat said for itself."""
    trimmed: str = ""
    """What was cut off because it was the frame or another seat's part."""


def clean(text: str, *, seat: str, others: Sequence[str]) -> CleanText:
    """Strip the seat's own name in front, and cut where the text begins to write the frame or to speak for another seat.

    A name in front of the whole text is an address and stays; a name with a colon at the start of a later line is impersonation.
    """
    body = unescape(text).strip()
    body = re.sub(rf"\A(?:\*\*|\[)?{re.escape(seat)}(?:\*\*|\])?\s*:(?:\*\*)?\s*", "", body, flags=re.IGNORECASE)
    cuts = [match.start() for match in (_FRAME.search(body), _impersonation(body, others)) if match]
    if not cuts:
        return CleanText(text=body)
    cut = min(cuts)
    return CleanText(text=body[:cut].rstrip(), trimmed=body[cut:])


def _impersonation(body: str, others: Sequence[str]) -> "re.Match[str] | None":
    names = "|".join(re.escape(name) for name in others if name)
    if not names:
        return None
    label = rf"(?<=\n)[ \t>#*\[\"“]*(?:{names})\b[\]*\"”]*(?:\s*[\(,][^:\n]{{0,60}})?\s*:"
    return re.search(label, body, flags=re.IGNORECASE)
