"""One turn taken through an endpoint: asked in the dialect known so far, read as it comes, asked again while refusals teach something."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response, Timings, Usage
from mallku.errors import AnswerCutShort, ContextOverflow, EmptyAnswer, ParticipantError, ProtocolViolation
from mallku.firecircle.adapters.adaptation import adapted
from mallku.firecircle.adapters.endpoint import Endpoint, EndpointProfile
from mallku.firecircle.adapters.failures import RefusedError, participant_error
from mallku.firecircle.adapters.structured_answer import StructuredAnswer
from mallku.firecircle.adapters.token_estimate import calibrated, estimated_tokens, truncation_note
from mallku.firecircle.adapters.turn_clock import TurnClock
from mallku.wire.chat_answer import ChatAnswer
from mallku.wire.error_shapes import read_error
from mallku.wire.openai_chat import finish_reason, optional_fields, write_request
from mallku.wire.repetition import loop_length

_MOST_LESSONS: Final = 8
_LOOP_CHECK_EVERY: Final = 64
_LOADING_POLL_S: Final = 1.0
_READ_OUT_S: Final = 0.25
_READ_OUT_PIECES: Final = 16
_THINKING_CAP: Final = 4
_MOST_CHARS_PER_TOKEN: Final = 64
_MOST_CHARS_BESIDES: Final = 4096


class _SilentStreamError(Exception):
    """A stream that ended, or broke, before it said anything."""

    def __init__(self, error: ParticipantError) -> None:
        super().__init__(error.message)
        self.error = error


class Connection(Protocol):
    """Sends one request and hands out the bytes of its answer."""

    def send(self, body: dict[str, Any], profile: EndpointProfile, clock: TurnClock) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the answer to `body`; raises `RefusedError` for an error answer."""
        ...


@dataclass(slots=True)
class Knowledge:
    """The one mutable place where a participant keeps what it knows about its endpoint."""

    profile: EndpointProfile
    endpoint: Endpoint


class ChatTurn:
    """Puts one prompt to an endpoint."""

    def __init__(self, connection: Connection, known: Knowledge, clock: TurnClock) -> None:
        """Send through `connection`, and keep in `known` what is learnt."""
        self._connection = connection
        self._known = known
        self._clock = clock
        self._loop_check_at = _LOOP_CHECK_EVERY

    async def answer(self, prompt: Prompt, settings: GenerationSettings) -> AsyncGenerator[Delta | Response]:
        """Answer the prompt; ask again as long as each failure teaches something and no public text was handed out."""
        structured = StructuredAnswer(prompt, settings) if settings.schema is not None else None
        lessons, thought_only, as_stream = 0, False, True
        while lessons < _MOST_LESSONS:
            lessons, spoke = lessons + 1, False
            seen = self._known.endpoint.admission.slots
            try:
                async with aclosing(self._attempt(prompt, settings, as_stream=as_stream)) as parts:
                    async for part in parts:
                        if structured is None or (isinstance(part, Delta) and part.channel == "reasoning"):
                            spoke = spoke or (isinstance(part, Delta) and part.channel == "text")
                            yield part
                        elif isinstance(part, Response):
                            for piece in structured.judge(part, self._known.profile.dialect):
                                yield piece
                if structured is None or structured.settled:
                    return
                prompt, settings = structured.next_request
                if structured.ignored_rung:
                    self._learn_ignored_rung()
            except RefusedError as refused:
                if refused.facts.kind == "loading" and not spoke:
                    await self._wait_for_model(refused)
                    lessons = 0
                elif refused.facts.kind == "shared memory full":
                    self._known.endpoint.admission.halve(seen=seen)
                    raise
                elif spoke or not self._learn(refused, prompt):
                    raise refused.error from None
            except _SilentStreamError as silent:
                # asked for a whole answer, most servers say what was wrong
                if not as_stream:
                    raise silent.error from None
                as_stream = False
            except EmptyAnswer:
                if thought_only or not self._known.profile.reasons:
                    raise
                thought_only = True
                settings = replace(settings, reasoning="none", max_tokens=_THINKING_CAP * (settings.max_tokens or 1))
        raise ProtocolViolation(f"{self._url} refused the same request in {_MOST_LESSONS} forms.", hint="Look into the server's log.")

    async def _wait_for_model(self, refused: RefusedError) -> None:
        """Wait a second for a model that is loading; raises the refusal when the first-token deadline is too near."""
        wait = min(refused.error.retry_after or _LOADING_POLL_S, _LOADING_POLL_S)
        if not self._clock.has_time_for(wait):
            raise refused.error from None
        await asyncio.sleep(wait)

    @property
    def _url(self) -> str:
        return self._known.profile.facts.base_url

    async def _attempt(self, prompt: Prompt, settings: GenerationSettings, *, as_stream: bool) -> AsyncGenerator[Delta | Response]:
        profile, clock = self._known.profile, self._clock
        dialect = profile.dialect if as_stream else replace(profile.dialect, streams=False)
        body = write_request(prompt, settings, dialect, model=profile.model)
        unsent_stops = settings.stop if "stop" in profile.dialect.refused else settings.stop[4:]
        answer = ChatAnswer(opened=profile.dialect.reasoning_opened, stop=unsent_stops)
        self._loop_check_at = _LOOP_CHECK_EVERY
        most_chars = (settings.max_tokens or 0) * _MOST_CHARS_PER_TOKEN + _MOST_CHARS_BESIDES
        read_on = True
        try:
            async with self._connection.send(body, profile, clock) as pieces:
                while (piece := await self._next(pieces)) is not None:
                    pieces_before = answer.pieces
                    deltas = answer.feed(piece)
                    if answer.pieces != pieces_before:
                        clock.spoke()
                    for delta in deltas:
                        yield delta
                    if answer.ended:
                        await _read_out(pieces)
                    if answer.error or answer.ended or answer.stopped_by() or self._loops(answer) or answer.chars > most_chars:
                        read_on = False
                        break
            for delta in answer.end(read_on=read_on):
                yield delta
        except (ProtocolViolation, AnswerCutShort) as error:
            error.partial_text = error.partial_text or answer.text
            if as_stream and not answer.pieces:
                raise _SilentStreamError(error) from None
            raise
        except ParticipantError as error:
            error.partial_text = error.partial_text or answer.text
            raise
        yield self._concluded(answer, prompt, body, settings)

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        async with self._clock.limit(self._url):
            return await anext(pieces, None)

    def _loops(self, answer: ChatAnswer) -> bool:
        """Say whether the answer repeats itself; looked at every so many pieces, of which one read may bring several."""
        if answer.pieces < self._loop_check_at:
            return False
        self._loop_check_at = answer.pieces + _LOOP_CHECK_EVERY
        return loop_length(answer.text) > 0

    def _concluded(self, answer: ChatAnswer, prompt: Prompt, body: dict[str, Any], settings: GenerationSettings) -> Response:
        """Judge a finished answer; only a whole one becomes a `Response`."""
        if answer.error:
            raise self._refused(None, answer.error, body, answer.text)
        if not answer.had_choices and answer.body.strip():
            raise self._refused(None, answer.body, body, "")
        self._note(answer)
        text, stopped = answer.text, answer.stopped_by()
        if stopped:
            text = text.partition(stopped)[0].rstrip()
        if looping := loop_length(text):
            raise AnswerCutShort(
                f"{self._url} repeats itself without end.",
                hint="Try another model, a higher temperature or a repetition penalty.",
                partial_text=text[: len(text) - looping].rstrip(),
            )
        if answer.chars > (settings.max_tokens or 0) * _MOST_CHARS_PER_TOKEN + _MOST_CHARS_BESIDES:
            raise AnswerCutShort(
                f"{self._url} goes on after {answer.chars} characters, far beyond the {settings.max_tokens} tokens it was asked for.",
                hint="It ignores `max_tokens`; look into the server's log.",
                partial_text=text,
            )
        if not answer.finish and not stopped:
            self._raise_incomplete(answer, prompt, settings)
        if not text:
            self._raise_empty(answer)
        usage = answer.usage or Usage(
            prompt_tokens=estimated_tokens(prompt, self._known.profile), completion_tokens=answer.pieces, estimated=True
        )
        note = truncation_note(self._known.profile, prompt, usage)
        if not note:
            self._known.profile = calibrated(self._known.profile, prompt, usage)
        profile = self._known.profile
        other = answer.model and profile.model and answer.model.split("@")[0] not in profile.model and profile.model not in answer.model
        notes = (note, f"asked for {profile.model!r}, answered by {answer.model!r}" if other else "")
        return Response(
            text=text,
            reasoning=answer.reasoning,
            finish_reason="stop" if stopped else finish_reason(answer.finish),
            model=answer.model or profile.model,
            usage=usage,
            timings=Timings(first_token_s=self._clock.first_token_s, total_s=self._clock.elapsed_s),
            notes=tuple(entry for entry in notes if entry),
        )

    def _note(self, answer: ChatAnswer) -> None:
        profile = self._known.profile
        if answer.reasoning and not profile.reasons:
            profile = replace(profile, reasons=True)
        if answer.opened_in_prompt and not profile.dialect.reasoning_opened:
            profile = profile.knowing(
                "its chat template opens private reasoning in the prompt", dialect=replace(profile.dialect, reasoning_opened=True)
            )
        self._known.profile = profile

    def _raise_incomplete(self, answer: ChatAnswer, prompt: Prompt, settings: GenerationSettings) -> None:
        profile = self._known.profile
        if answer.text or answer.reasoning:
            if profile.facts.server in {"", "llama-cpp-python"}:
                # that server ends a running answer when another request comes
                self._known.endpoint.admission.serialise()
            raise AnswerCutShort(
                f"The answer of {self._url} broke off without a finish reason.",
                hint="Look into the server's log.",
                partial_text=answer.text,
            )
        raise _SilentStreamError(self._nothing_came(prompt, settings))

    def _nothing_came(self, prompt: Prompt, settings: GenerationSettings) -> ParticipantError:
        profile = self._known.profile
        needed = estimated_tokens(prompt, profile) + (settings.max_tokens or 0)
        if profile.window is not None and needed > profile.window:
            return ContextOverflow(
                f"{self._url} answered with nothing at all; the prompt probably does not fit into its {profile.window} tokens.",
                hint="Start the server with a larger context window.",
                needed=needed,
                window=profile.window,
            )
        return EmptyAnswer(
            f"{self._url} answered with nothing at all.", hint="Some servers do that when a prompt is too long; look into the server's log."
        )

    def _raise_empty(self, answer: ChatAnswer) -> None:
        if answer.reasoning:
            raise EmptyAnswer(
                f"{self._known.profile.model!r} at {self._url} thought, but said nothing before its answer ended.",
                hint="Raise `max_tokens`, or turn its thinking off.",
            )
        raise EmptyAnswer(f"{self._known.profile.model!r} at {self._url} said nothing.", hint="Try again, or another model.")

    def _refused(self, status: int | None, said: str, body: dict[str, Any], partial: str) -> RefusedError:
        profile, sent = self._known.profile, optional_fields(body)
        facts = read_error(status, said, sent=sent)
        error = participant_error(facts, url=self._url, server=profile.facts.server, model=profile.model)
        error.partial_text = partial
        return RefusedError(facts, sent, error)

    def _learn_ignored_rung(self) -> None:
        profile = self._known.profile
        self._known.profile = profile.knowing("it ignores `response_format`", dialect=replace(profile.dialect, rung="prompt"))

    def _learn(self, refused: RefusedError, prompt: Prompt) -> bool:
        """Take a lesson from a refusal; False if there is none."""
        profile = self._known.profile
        if refused.facts.kind == "overflow" and refused.facts.window:
            self._known.profile = profile.knowing(f"its window is {refused.facts.window} tokens", window=refused.facts.window)
            return False
        if refused.facts.kind == "overflow":
            # no figure was given, so all that is known is that it holds less than this prompt
            less = estimated_tokens(prompt, profile) - 1
            if profile.window is None or less < profile.window:
                self._known.profile = profile.knowing(f"it holds fewer than {less + 1} tokens", window=less)
            return False
        lesson = adapted(profile.dialect, refused.facts, sent=refused.sent)
        if lesson is None:
            return False
        self._known.profile = profile.knowing(lesson[1], dialect=lesson[0])
        return True


async def _read_out(pieces: AsyncIterator[bytes]) -> None:
    """Read the little that follows a stream's end, so that the connection can be used again; do not wait for more."""
    with suppress(TimeoutError, ParticipantError):
        async with asyncio.timeout(_READ_OUT_S):
            for _ in range(_READ_OUT_PIECES):
                if await anext(pieces, None) is None:
                    return
