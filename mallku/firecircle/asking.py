"""Asking a seat: attempts, waiting, substitution. What a failure does to the deliberation is decided here."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

from mallku.dialogue.participant import Connectable
from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response
from mallku.errors import (
    ContextOverflow,
    DeliberationError,
    EmptyAnswer,
    EndpointRefused,
    MallkuError,
    ModelFileError,
    ModelNotFound,
    ParticipantError,
    RemoteAddressRefused,
)
from mallku.events import kinds
from mallku.firecircle.plan import FailurePolicy
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.seat import Seat, derived_seed
from mallku.meters import Meter

ON_THIS_MACHINE: Final = frozenset({"in-process", "loopback"})
"""Where words are made that this machine's meters can tell the cost of."""

HOPELESS: Final = (EndpointRefused, ModelNotFound, RemoteAddressRefused, ModelFileError)
"""Errors after which the seat is lost at once: asking again can never help."""

_LONGEST_BACKOFF_S: Final = 60.0
"""Longest wait before a seat is asked again, unless its server asked for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn to be taken."""

    id: str
    """Id of the turn."""
    seat: Seat
    """Who is asked."""
    round_index: int
    """Index of the round; that of the last round for ballots and dissent."""
    prompt: Prompt
    """What is asked."""
    settings: GenerationSettings
    """How the answer is generated; the seed is filled in for each attempt."""
    shorten: Callable[[], Awaitable[Prompt]] | None = None
    """Makes room in the transcript and returns the prompt anew, for a participant that turns out to hold less than was known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveUp:
    """All attempts failed. Whoever asked records `failure`, together with what it makes of the partial text."""

    error: MallkuError
    """The last error."""
    failure: tuple[type[Any], dict[str, Any]]
    """The `TurnFailed` that closes the turn."""
    partial_text: str = ""
    """The longest text that had arrived in any attempt."""


class Asker:
    """Asks seats under a failure policy and records every attempt."""

    def __init__(
        self,
        recorder: Recorder,
        policy: FailurePolicy,
        *,
        seed: int,
        meter: Meter | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._recorder = recorder
        self._policy = policy
        self._seed = seed
        self.meter = meter
        """Measures what answers cost, or None."""
        self._sleep = sleep

    async def ask(self, turn: Turn) -> Response | GaveUp:
        """Ask until there is an answer or the policy gives up.

        A prompt that turns out to be too long is shortened and put once more, under every strategy.
        Under `strict` giving up raises `DeliberationError`; under `substitute` the seat's next substitute is asked first.
        """
        began, partial, shortened = time.monotonic(), "", False
        attempt, tries = self._failed_before(turn)
        while True:
            attempt, tries = attempt + 1, tries + 1
            try:
                return await self._attempt(turn, attempt)
            except (ParticipantError, ModelFileError) as error:
                partial = max(partial, getattr(error, "partial_text", ""), key=len)
                wait = self._wait_before_next(error, tries, time.monotonic() - began)
                failure = _failure(turn, attempt, error)
                if isinstance(error, ContextOverflow) and turn.shorten is not None and not shortened:
                    shortened, shorter = True, await turn.shorten()
                    if shorter != turn.prompt:
                        await self._recorder.record(kinds.TurnFailed, **failure, will_retry=True)
                        turn = replace(turn, prompt=shorter)
                        continue
                if wait is None and self._policy.strategy == "substitute" and await self._substitute(turn.seat, failure):
                    tries = 0
                    continue
                if wait is None:
                    if self._policy.strategy == "strict":
                        await self._recorder.record(kinds.TurnFailed, **failure)
                        raise strictly_failed(turn.seat.name, turn.id, str(error)) from error
                    return GaveUp(error=error, failure=(kinds.TurnFailed, failure), partial_text=partial)
                await self._recorder.record(kinds.TurnFailed, **failure, will_retry=True)
                await self._sleep(wait)

    def _failed_before(self, turn: Turn) -> tuple[int, int]:
        """Return how often this turn has failed so far, in all and since the seat was taken over; a resumed turn goes on from there."""
        failed = [failure.seq for failure in self._recorder.state.failures if failure.turn == turn.id]
        taken_over = self._recorder.state.substituted.get(turn.seat.name)
        return len(failed), sum(taken_over is None or seq > taken_over.seq for seq in failed)

    def refused(self, turn: Turn, error: MallkuError) -> GaveUp:
        """Give up a turn without asking, because it cannot be asked."""
        return GaveUp(error=error, failure=(kinds.TurnFailed, _failure(turn, 1, error)))

    async def _attempt(self, turn: Turn, attempt: int) -> Response:
        seed = turn.settings.seed if turn.settings.seed is not None else self._seed
        settings = replace(turn.settings, seed=derived_seed(seed, turn.id, attempt))
        words = f"{turn.prompt.system}\n{turn.prompt.user}"
        await self._recorder.record(
            kinds.TurnOpened,
            turn=turn.id,
            seat=turn.seat.name,
            round_index=turn.round_index,
            attempt=attempt,
            seed=settings.seed,
            prompt_sha256=hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest(),
            prompt_chars=len(words),
        )
        location = turn.seat.participant.facts.location
        if self.meter is None or location not in ON_THIS_MACHINE:
            return await self._answer(turn, settings)
        window = self.meter.begin(in_process=location == "in-process")
        try:
            response = await self._answer(turn, settings)
        except BaseException:
            self.meter.end(window)
            raise
        return replace(response, timings=self.meter.end(window, response.timings))

    async def _answer(self, turn: Turn, settings: GenerationSettings) -> Response:
        stream = turn.seat.participant.respond(turn.prompt, settings)
        async with aclosing(stream):  # type: ignore[type-var]
            async for part in stream:
                if isinstance(part, Delta):
                    self._recorder.pass_on(kinds.TurnDelta, turn=turn.id, seat=turn.seat.name, channel=part.channel, text=part.text)
                elif part.text.strip() or part.passed:
                    return part
                else:
                    why = "only private reasoning came" if part.reasoning else "nothing came"
                    raise EmptyAnswer(
                        f"{turn.seat.name} ended its turn without a word for the others: {why}.",
                        hint="Give it more tokens (`max_tokens`), or ask for less reasoning.",
                    )
        msg = "the participant's stream ended without a Response"
        raise RuntimeError(msg)

    def _wait_before_next(self, error: MallkuError, tries: int, spent: float) -> float | None:
        """Return the seconds to wait before the seat is asked again, or None to give up."""
        if not getattr(error, "retryable", False):
            return None
        asked_for = getattr(error, "retry_after", None)
        wait: float = asked_for if asked_for is not None else min(self._policy.backoff_s * 2 ** (tries - 1), _LONGEST_BACKOFF_S)
        if self._policy.strategy == "wait-and-retry":
            return wait if spent + wait <= self._policy.patience_s else None
        return wait if tries < self._policy.attempts and wait <= self._policy.patience_s else None

    async def _substitute(self, seat: Seat, failure: dict[str, Any]) -> bool:
        """Let the first of the seat's substitutes that can be prepared take it; say whether one could."""
        while seat.substitutes:
            candidate = seat.substitutes.pop(0)
            try:
                if isinstance(candidate, Connectable):
                    await candidate.connect()
            except (ParticipantError, ModelFileError) as error:
                warning = f"The substitute {candidate.facts.model} could not be seated: {error}"
                await self._recorder.record(kinds.SeatWarned, seat=seat.name, warning=warning)
                continue
            leaving, seat.participant = seat.participant, candidate
            facts = candidate.facts
            taken = {"seat": seat.name, "model": facts.model, "spec": facts.spec, "location": facts.location, "reason": failure["message"]}
            await self._recorder.record_all([(kinds.TurnFailed, {**failure, "will_retry": True}), (kinds.SeatSubstituted, taken)])
            await leaving.close()
            return True
        return False

    def loss(self, seat: Seat, error: MallkuError, *, spoke: bool = False) -> list[tuple[type[Any], dict[str, Any]]]:
        """Return the fact that the seat is lost, if its failure is hopeless or it has now failed too often in a row; else nothing.

        It is recorded together with the failure, so that a break between the two cannot lead to another course. `spoke` says that something
        of the turn was kept, which does not count as one more failure in a row.
        """
        in_a_row = 0 if spoke else self._recorder.state.failed_in_a_row.get(seat.name, 0) + 1
        if seat.name in self._recorder.state.lost:
            return []
        if isinstance(error, HOPELESS):
            return [(kinds.SeatLost, {"seat": seat.name, "reason": str(error)})]
        if in_a_row >= self._policy.failed_turns:
            return [(kinds.SeatLost, {"seat": seat.name, "reason": f"{in_a_row} turns in a row failed. {error}"})]
        return []


def strictly_failed(seat: str, turn: str, why: str) -> DeliberationError:
    """Return the error with which a strict plan ends at a seat's failure."""
    return DeliberationError(
        f"{seat} failed in turn {turn}, and the plan is strict: {why}", hint="Mend the seat, or choose another `strategy` of failure."
    )


def _failure(turn: Turn, attempt: int, error: MallkuError) -> dict[str, Any]:
    return {
        "turn": turn.id,
        "seat": turn.seat.name,
        "round_index": turn.round_index,
        "attempt": attempt,
        "error": type(error).__name__,
        "message": str(error),
        "partial_text": getattr(error, "partial_text", ""),
    }
