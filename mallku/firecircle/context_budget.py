"""The context budget: what to do when the transcript no longer fits into the smallest window.

The cut is made on a round boundary, is the same for all seats, and is said in an event: the oldest round that still stands in full is
replaced by a digest. Bytes before it do not change, so prefix caches are lost once, from that round on.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mallku.dialogue.prompt import Prompt
from mallku.dialogue.transcript import Statement
from mallku.errors import ContextOverflow
from mallku.firecircle.seat import Seat

DEFAULT_ANSWER_TOKENS = 512
"""Tokens kept free for an answer where no limit is set; of a small window a quarter."""

_FIRST_SENTENCE = re.compile(r"(.+?[.!?…])(?:\s|$)", re.DOTALL)
_DIGEST_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """A prompt that does not fit."""

    seat: str
    """The seat whose window is too small."""
    tokens: int
    """Tokens of prompt and answer together."""
    window: int
    """Tokens the seat can hold."""

    def error(self) -> ContextOverflow:
        """Return the error for a turn that cannot be taken."""
        return ContextOverflow(
            f"The prompt and its answer take {self.tokens} tokens, and {self.seat} can hold {self.window}.",
            hint="Shorten the question or its context, or give the model a larger context window.",
            needed=self.tokens,
            window=self.window,
        )


async def shortage(seat: Seat, prompt: Prompt, answer_tokens: int | None) -> Shortage | None:
    """Say by how much a prompt is too long for a seat, or return None if it fits or the window is unknown."""
    window = seat.participant.facts.context_window
    if window is None:
        return None
    answer = answer_tokens or seat.settings.max_tokens or min(DEFAULT_ANSWER_TOKENS, window // 4)
    # A token is at least one byte, so a prompt with fewer bytes than the room left needs no count.
    if _most_bytes(prompt.system) + _most_bytes(prompt.user) + answer + 64 <= window:
        return None
    tokens = await seat.participant.count_tokens(prompt) + answer
    return Shortage(seat=seat.name, tokens=tokens, window=window) if tokens > window else None


def _most_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def digest(title: str, statements: Iterable[Statement]) -> str:
    """Return what stands in place of a round: each speaker's first sentence, verbatim, cut at 200 characters."""
    lines = [f"Round {title}, shortened to each speaker's first sentence:"]
    for statement in statements:
        text = " ".join(statement.text.split())
        first = _FIRST_SENTENCE.match(text)
        sentence = first[1] if first else text
        shortened = sentence if len(sentence) <= _DIGEST_CHARS else sentence[:_DIGEST_CHARS].rstrip() + " …"
        lines.append(f"{statement.seat}: {shortened}")
    return "\n".join(lines)
