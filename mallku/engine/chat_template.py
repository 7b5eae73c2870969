"""The model's own chat template: from messages to tokens.

The template is rendered with a placeholder for each message's text, so that what the template wrote and what people and models wrote
stay apart. Control tokens are looked for in the template's part only: a message that contains `<|im_end|>` contains these ten characters.
So what the template writes depends on the roles and its options only, and is kept for the next chat of the same roles.
"""

import re
import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mallku.dialogue.message import Message, Role
from mallku.engine.decoder import Vocabulary
from mallku.errors import RequestRefused

_CHATML: Final = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_PLAIN: Final = (
    "{% for message in messages %}{% if message.role != 'system' %}{{ message.role | capitalize }}: {% endif %}{{ message.content }}\n\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
_PAD: Final = "\u2003"
"""Stands on both sides of a placeholder: a template that strips a message's text strips it too."""

_LAYOUTS_KEPT: Final = 64

Tokenize = Callable[[str], list[int]]
"""Turns plain text into token ids."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message's text goes."""

    index: int
    strips_start: bool
    strips_end: bool

    def text(self, messages: Sequence[Message]) -> str:
        """Return the text as the template leaves it."""
        text = messages[self.index].content
        text = text.lstrip() if self.strips_start else text
        return text.rstrip() if self.strips_end else text


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a template makes of a chat, whatever its messages say: plain text, control tokens, and places of messages."""

    form: int
    """Which of the forms of the chat the template took."""
    parts: tuple[str | int | _Place, ...]


class _TokenLine:
    """Tokens in the making: neighbouring plain text is tokenised together, as it would be in one string."""

    def __init__(self, tokenize: Tokenize) -> None:
        self.tokens: list[int] = []
        self._tokenize = tokenize
        self._plain = ""

    def add(self, text: str) -> None:
        self._plain += text

    def add_token(self, token: int) -> None:
        self.flush()
        self.tokens.append(token)

    def flush(self) -> None:
        """Tokenise the plain text so far, so that it does not join what follows."""
        if self._plain:
            self.tokens += self._tokenize(self._plain)
            self._plain = ""


class ChatTemplate:
    """Lays out chats for one model."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        source = vocabulary.chat_template or (_CHATML if "<|im_start|>" in vocabulary.control else _PLAIN)
        self._has_told_time = False
        self._template = _compile(source, self._tell_time)
        self._layouts: dict[Hashable, _Layout] = {}
        self._mark = uuid.uuid4().hex
        self._places = re.compile(f"({_PAD}?){self._mark}([0-9]{{6}})({_PAD}?)")
        self._control = _any_of(vocabulary.control)
        self._markup = _any_of(vocabulary.markup) if vocabulary.markup else None

    def tokens(self, messages: Sequence[Message], options: Mapping[str, Any], tokenize: Tokenize, *, continues: bool = False) -> list[int]:
        """Lay out a chat that the assistant is to answer; raises `RequestRefused` if the template declines it.

        With `continues`, the last message is the assistant's own and ends in the middle: what the template writes after it is left out.
        """
        line = _TokenLine(tokenize)
        layout = self._layout(messages, options, continues=continues)
        form = _FORMS[layout.form](messages)
        for part in layout.parts:
            if isinstance(part, str):
                line.add(part)
            elif isinstance(part, int):
                line.add_token(part)
            else:
                self._add_message(line, part.text(form))
        line.flush()
        begin = self._vocabulary.begin
        return [begin, *line.tokens] if begin is not None and line.tokens[:1] != [begin] else line.tokens

    def _add_message(self, line: _TokenLine, text: str) -> None:
        """Add a message's text so that nothing in it is taken for markup: each piece of it is tokenised in two parts."""
        at = 0
        for found in self._markup.finditer(text) if self._markup else ():
            line.add(text[at : found.start() + 1])
            line.flush()
            at = found.start() + 1
        line.add(text[at:])

    def _layout(self, messages: Sequence[Message], options: Mapping[str, Any], *, continues: bool) -> _Layout:
        """Return the layout, kept or made anew; one that tells the time, or whose options hold more than plain values, is not kept."""
        key: Hashable = (tuple(message.role for message in messages), continues, tuple(sorted(options.items())) if options else ())
        try:
            kept = self._layouts.get(key)
        except TypeError:
            return self._render(messages, options, continues=continues)
        if kept is None:
            self._has_told_time = False
            kept = self._render(messages, options, continues=continues)
            if not self._has_told_time:
                if len(self._layouts) >= _LAYOUTS_KEPT:
                    self._layouts.clear()
                self._layouts[key] = kept
        return kept

    def _tell_time(self, form: str) -> str:
        self._has_told_time = True
        return datetime.now().astimezone().strftime(form)

    def _render(self, messages: Sequence[Message], options: Mapping[str, Any], *, continues: bool) -> _Layout:
        """Render the chat. What the template declines is tried again in the forms that all accept."""
        from jinja2 import TemplateError

        reason = ""
        for number, form in enumerate(_FORMS):
            try:
                parts = self._render_form(form(messages), options, continues=continues)
            except TemplateError as error:
                reason = str(error)
                continue
            if parts is not None:
                return _Layout(number, parts)
            reason = "it leaves out a message"
        raise RequestRefused(f"The model's chat template declines this chat: {reason}.", hint="Use one system and one user message.")

    def _render_form(
        self, messages: Sequence[Message], options: Mapping[str, Any], *, continues: bool
    ) -> tuple[str | int | _Place, ...] | None:
        chat = [{"role": message.role, "content": f"{_PAD}{self._mark}{index:06}{_PAD}"} for index, message in enumerate(messages)]
        rendered = self._template.render(
            messages=chat,
            add_generation_prompt=not continues,
            bos_token=self._vocabulary.begin_text,
            eos_token=self._vocabulary.end_text,
            **options,
        )
        parts: list[str | int | _Place] = []
        used = set()
        at = 0
        for found in self._places.finditer(rendered):
            parts += self._frame(rendered[at : found.start()])
            parts.append(_Place(int(found[2]), strips_start=not found[1], strips_end=not found[3]))
            used.add(int(found[2]))
            at = found.end()
        if not continues:
            parts += self._frame(rendered[at:])
        return tuple(parts) if len(used) == len(messages) else None

    def _frame(self, text: str) -> Iterable[str | int]:
        """Split what the template wrote into plain text and control tokens."""
        at = 0
        for found in self._control.finditer(text):
            yield text[at : found.start()]
            yield self._vocabulary.control[found[0]]
            at = found.end()
        yield text[at:]


def answer_opening(source: str, options: Mapping[str, Any]) -> str:
    """Return what a template writes between a user's words and the answer; nothing if it declines a chat of one message."""
    from jinja2 import TemplateError

    words = uuid.uuid4().hex
    try:
        rendered = _compile(source).render(messages=[{"role": "user", "content": words}], add_generation_prompt=True, **options)
    except (TemplateError, RequestRefused):
        return ""
    return str(rendered.rpartition(words)[2])


def _compile(source: str, tell_time: Callable[[str], str] | None = None) -> Any:
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = tell_time or (lambda form: datetime.now().astimezone().strftime(form))
    try:
        return environment.from_string(source)
    except TemplateError as error:
        raise RequestRefused(f"The model's chat template cannot be read: {error}.", hint="Convert the model again.") from error


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Match any of the texts, longer ones first; of no texts, nothing."""
    return re.compile("|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)) or r"(?!)")


def _fold_system(messages: Sequence[Message]) -> list[Message]:
    """Put system messages at the beginning of the user message that follows."""
    folded: list[Message] = []
    system = ""
    for message in messages:
        if message.role == "system":
            system += message.content + "\n\n"
        elif message.role == "user" and system:
            folded.append(Message(role="user", content=system + message.content))
            system = ""
        else:
            folded.append(message)
    return [*folded, Message(role="user", content=system.rstrip())] if system else folded


def _merge_roles(messages: Sequence[Message]) -> list[Message]:
    """Join neighbours of one role, and let the user speak first."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            merged[-1] = Message(role=message.role, content=f"{merged[-1].content}\n\n{message.content}")
        else:
            merged.append(message)
    first: Role = merged[0].role if merged else "user"
    return merged if first == "user" else [Message(role="user", content="(The conversation begins.)"), *merged]


_FORMS: Final[tuple[Callable[[Sequence[Message]], Sequence[Message]], ...]] = (
    lambda messages: messages,
    _fold_system,
    lambda messages: _merge_roles(_fold_system(messages)),
)
"""The forms in which a chat is offered to a template, one after the other. They go by the roles, never by what is said."""
