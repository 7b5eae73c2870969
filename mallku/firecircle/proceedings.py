"""What all parts of one run share: plan, seats, record, and the way a prompt is put together and made to fit."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from mallku.dialogue.prompt import Prompt
from mallku.dialogue.prompt_layout import CHARTER, TurnRequest, lay_out
from mallku.dialogue.transcript import Statement
from mallku.errors import ContextOverflow
from mallku.events import kinds
from mallku.firecircle.asking import Asker
from mallku.firecircle.context_budget import digest, shortage
from mallku.firecircle.control import Control
from mallku.firecircle.hygiene import CleanText, clean
from mallku.firecircle.plan import Plan
from mallku.firecircle.recorder import Recorder
from mallku.firecircle.seat import Seat
from mallku.firecircle.state import DeliberationState
from mallku.firecircle.visibility import as_seen
from mallku.meters import Meter

RESTATED_WORDS = 120
"""A question up to this many words is restated in every turn; a longer one stands only at the top."""


class Stopped(Exception):
    """A person stopped the deliberation. Raised between turns, caught where the deliberation is brought to its end."""


class Proceedings:
    """The surroundings in which turns and ballots of one deliberation take place."""

    def __init__(
        self, *, plan: Plan, seats: Sequence[Seat], recorder: Recorder, control: Control, seed: int, meter: Meter | None = None
    ) -> None:
        self.plan = plan
        """The procedure."""
        self.seats: Mapping[str, Seat] = {seat.name: seat for seat in seats}
        """All seats by name."""
        self.recorder = recorder
        """Where every fact goes."""
        self.control = control
        """The convener's hand."""
        self.seed = seed
        """Seed of everything that is drawn by lot."""
        self.asker = Asker(recorder, plan.failure, seed=seed, meter=meter)
        """How seats are asked."""
        self._making_room = asyncio.Lock()
        self._blocks: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    @property
    def state(self) -> DeliberationState:
        """The deliberation so far."""
        return self.recorder.state

    @property
    def present(self) -> tuple[Seat, ...]:
        """Seats that still take part."""
        return tuple(self.seats[name] for name in self.state.present)

    @property
    def last_round(self) -> int:
        """Index of the round opened last, 0 before any."""
        return max(self.state.rounds, default=0)

    async def checkpoint(self, *, counts: bool = True) -> None:
        """Wait while the convener has paused; raises `Stopped` if the convener stopped the deliberation."""
        if not await self.control.checkpoint(counts=counts):
            raise Stopped(self.control.stop_reason)

    async def hear_convener(self) -> None:
        """Record the convener's remarks that have come since the last time."""
        for number, text in enumerate(self.control.take_remarks(), start=self.state.seq):
            await self.recorder.record(kinds.ConvenerRemarked, turn=f"remark.{number}", round_index=self.last_round, text=text)

    def prompt(self, request: TurnRequest, seen: Sequence[Statement]) -> Prompt:
        """Build a prompt that shows the statements `seen`, in the order of the transcript."""
        said = self.state.transcript
        transcript = as_seen(said, seen) if said.digests else replace(said, statements=tuple(seen))
        blocks = self._blocks.setdefault(request.masks, {})
        return lay_out(transcript, request, charter=self.plan.charter or CHARTER, blocks=blocks)

    def request(self, seat: Seat, **fields: object) -> TurnRequest:
        """Return a turn request with the seat's persona and, if it is not too long, the question."""
        question = self.state.transcript.question
        restated = question if len(question.split()) <= RESTATED_WORDS else ""
        persona = seat.persona
        known = {"seat": persona.name, "role": persona.role, "persona": persona.instructions, "question": restated}
        return TurnRequest(**{**known, **fields})  # type: ignore[arg-type]

    def cleaned(self, seat: Seat, text: str) -> CleanText:
        """Return what a seat said for itself, without the frame and without words it put into others' mouths."""
        return clean(text, seat=seat.name, others=[name for name in self.state.seats if name != seat.name])

    async def make_room(self, seats: Sequence[Seat], build: Callable[[Seat], Prompt], answer_tokens: int | None) -> dict[str, Prompt]:
        """Condense the oldest rounds until every seat's prompt fits, or nothing is left to condense.

        Returns:
            The prompts that fit, by seat.
        """
        async with self._making_room:
            while True:
                prompts = {seat.name: build(seat) for seat in seats}
                lacks = [lack for seat in seats if (lack := await shortage(seat, prompts[seat.name], answer_tokens))]
                round_index = self._oldest_full_round()
                if not lacks or round_index is None:
                    for lack in lacks:
                        del prompts[lack.seat]
                    return prompts
                worst = min(lacks, key=lambda lack: lack.window - lack.tokens)
                await self.recorder.record(
                    kinds.TranscriptCondensed,
                    round_index=round_index,
                    digest=digest(self.state.rounds[round_index].title, self.state.spoken_in(round_index)),
                    tokens=worst.tokens,
                    window=worst.window,
                )

    def shortening(self, seat: Seat, build: Callable[[Seat], Prompt], answer_tokens: int | None) -> Callable[[], Awaitable[Prompt]]:
        """Return what makes room for one seat and builds its prompt anew, when a server turns out to hold less than it said."""

        async def shorten() -> Prompt:
            await self.make_room([seat], build, answer_tokens)
            return build(seat)

        return shorten

    def _oldest_full_round(self) -> int | None:
        condensed = self.state.transcript.digests or {}
        return next((index for index in sorted(self.state.closed_rounds) if index not in condensed), None)

    async def overflow(self, seat: Seat, prompt: Prompt, answer_tokens: int | None) -> ContextOverflow | None:
        """Return the error if the seat cannot hold the prompt even so."""
        lack = await shortage(seat, prompt, answer_tokens)
        return lack.error() if lack else None
