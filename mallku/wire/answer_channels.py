"""One incremental reader for all ways in which reasoning hides in an answer's text."""

import re
from typing import Final

from mallku.dialogue.response import Delta
from mallku.wire.harmony import HarmonySplitter, begins_harmony
from mallku.wire.reasoning_tags import TagSplitter

_END_MARKS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "<|return|>", "<end_of_turn>", "</s>", "<|end_of_text|>", "<eos>")


_LATE_HARMONY: Final = re.compile(r"<\|channel\|>(?:analysis|commentary|final)\b")
_LATE_STARTS: Final = tuple(f"<|channel|>{name}" for name in ("analysis", "commentary", "final"))


_MARKED: Final = re.compile(r"[<\[\u25c1]|\A\s*(?:analysis|commentary)")


def is_plain(text: str) -> bool:
    """Tell whether a whole answer, begun outside of the reasoning, holds nothing that could be anything but speech."""
    return not _MARKED.search(text)


class AnswerChannels:
    """Collects an answer as it streams, private reasoning apart from public text.

    Args:
        opened: Whether the chat template may have opened the reasoning in the prompt, so that only its end is written.
        inside: Whether the prompt certainly ended within the reasoning.
    """

    def __init__(self, *, opened: bool = False, inside: bool = False) -> None:
        self._opened = opened
        self._splitter: TagSplitter | HarmonySplitter | None = TagSplitter(inside=True) if inside else None
        self._start = ""
        self._taken_back = False
        self._held = ""
        self._text: list[str] = []
        self._reasoning: list[str] = []

    @property
    def text(self) -> str:
        """The public text so far, without outer whitespace and end-of-turn marks."""
        text = "".join(self._text).strip()
        while mark := next((mark for mark in _END_MARKS if text.endswith(mark)), ""):
            text = text.removesuffix(mark).rstrip()
        return text

    @property
    def reasoning(self) -> str:
        """The private reasoning so far."""
        return "".join(self._reasoning).strip()

    @property
    def opened_in_prompt(self) -> bool:
        """Whether reasoning ended that nothing in the answer had begun."""
        return isinstance(self._splitter, TagSplitter) and self._splitter.lone_close

    def add_text(self, piece: str) -> list[Delta]:
        """Take a piece of the answer's content and return the deltas that are certain now."""
        if self._splitter is None:
            self._start += piece
            harmony = begins_harmony(self._start)
            if harmony is None:
                return []
            self._splitter = HarmonySplitter() if harmony else TagSplitter(opened=self._opened)
            piece, self._start = self._start, ""
        if isinstance(self._splitter, TagSplitter) and (self._held or "<" in piece):
            return self._watched(self._splitter, piece)
        return self._keep(self._splitter.feed(piece))

    def _watched(self, splitter: TagSplitter, piece: str) -> list[Delta]:
        """Take a piece in which Harmony may begin after other words: from there on its channels are told apart."""
        piece, self._held = self._held + piece, ""
        if found := _LATE_HARMONY.search(piece):
            before = [*splitter.feed(piece[: found.start()]), *splitter.finish()]
            said = self._keep(before)
            self._splitter = HarmonySplitter()
            return [*said, *self._keep(self._splitter.feed(piece[found.start() :]))]
        at = piece.rfind("<")
        if at >= 0 and any(start.startswith(piece[at:]) for start in _LATE_STARTS):
            piece, self._held = piece[:at], piece[at:]
        return self._keep(splitter.feed(piece))

    def add_reasoning(self, piece: str) -> list[Delta]:
        """Take a piece that the server itself marked as reasoning."""
        self._reasoning.append(piece)
        return [Delta(text=piece, channel="reasoning")]

    def finish(self) -> list[Delta]:
        """Return what was held back until the end."""
        if self._splitter is None:
            self._splitter = TagSplitter(opened=self._opened)
            held, self._start = self._start, ""
            return self._keep([*self._splitter.feed(held), *self._splitter.finish()])
        held, self._held = self._held, ""
        return self._keep([*self._splitter.feed(held), *self._splitter.finish()])

    def _keep(self, deltas: list[Delta]) -> list[Delta]:
        if self.opened_in_prompt and not self._taken_back:
            # what was taken for speech before the lone closing tag was reasoning
            self._taken_back = True
            self._reasoning = [*self._text, *self._reasoning]
            self._text = []
        for delta in deltas:
            (self._text if delta.channel == "text" else self._reasoning).append(delta.text)
        return deltas
