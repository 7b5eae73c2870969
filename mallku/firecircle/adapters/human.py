"""A person in the circle: whoever asks them, at a terminal, in a browser or by a script, is a callable."""

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.prompt import GenerationSettings, JsonSchema, Prompt
from mallku.dialogue.response import Delta, Response, Timings
from mallku.errors import DeadlineExceeded, ParticipantError


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanTurn:
    """What a person is asked."""

    seat: str
    """Name of the seat."""
    prompt: Prompt
    """All that a model in this seat would read."""
    schema: JsonSchema | None = None
    """The form to fill in, where the answer must be JSON: a ballot. None where free words are asked for."""
    deadline_s: float | None = None
    """Seconds until the turn is over; None is no limit."""


Ask = Callable[[HumanTurn], Awaitable[str | None] | str | None]
"""Asks a person: a coroutine function, or a plain function, which is run in a thread. None means that they pass."""


class HumanParticipant:
    """A participant whose words come from a person.

    A person speaks in one turn at a time; further requests wait. A deadline that passes is a failed turn like any other.
    """

    def __init__(self, ask: Ask, *, deadline_s: float | None = None) -> None:
        """Prepare the seat of a person.

        Args:
            ask: Asks the person. When the turn is cancelled or late a coroutine is cancelled; a plain function runs on unheard.
            deadline_s: Seconds for one answer; the circle's own total deadline if none is given.
        """
        self._ask = ask
        self._deadline_s = deadline_s
        self._floor = asyncio.Lock()
        self._closed = False

    @property
    def facts(self) -> ParticipantFacts:
        """What goes into the record about a person: that it is one."""
        return ParticipantFacts(model="person", spec="human", location="person", parallel=1)

    async def respond(self, prompt: Prompt, settings: GenerationSettings) -> AsyncGenerator[Delta | Response]:
        """Ask the person; the answer comes in one piece."""
        if self._closed:
            raise ParticipantError(f"The seat of {prompt.seat or 'the person'} was closed.", hint="Make a new `HumanParticipant`.")
        deadline_s = self._deadline_s if self._deadline_s is not None else settings.deadlines.total
        turn = HumanTurn(seat=prompt.seat, prompt=prompt, schema=settings.schema, deadline_s=deadline_s)
        async with self._floor:
            began = time.monotonic()
            try:
                async with asyncio.timeout(deadline_s):
                    answer = await self._asked(turn)
            except TimeoutError:
                late = f"{prompt.seat or 'The person'} gave no answer within {deadline_s:.0f} s."
                raise DeadlineExceeded(late, hint="Give more time with `deadline_s`.") from None
        timings = Timings(total_s=time.monotonic() - began)
        if answer is None or not answer.strip():
            yield Response(text="", passed=True, model="person", timings=timings)
            return
        yield Delta(text=answer)
        yield Response(text=answer, model="person", timings=timings)

    async def _asked(self, turn: HumanTurn) -> str | None:
        if inspect.iscoroutinefunction(self._ask) or inspect.iscoroutinefunction(getattr(self._ask, "__call__", None)):  # noqa: B004
            return await cast("Awaitable[str | None]", self._ask(turn))
        answer = await asyncio.to_thread(self._ask, turn)
        return await answer if inspect.isawaitable(answer) else answer

    async def count_tokens(self, prompt: Prompt) -> int:
        """Count nothing: a person has no window."""
        del prompt
        return 0

    async def close(self) -> None:
        """Let the person go."""
        self._closed = True
