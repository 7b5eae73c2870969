"""Where people take their turns over HTTP: a turn is offered here, and answered, passed, or left to run out."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mallku.errors import DeadlineExceeded
from mallku.firecircle.adapters.human import HumanTurn
from mallku.server.errors import Refusal


@dataclass(slots=True)
class OpenTurn:
    """A turn that waits for a person."""

    turn: HumanTurn
    """What they are asked."""
    deadline: datetime
    """When it runs out."""
    answer: "asyncio.Future[str | None]"
    """Their words, or None for a pass."""


class HumanDesk:
    """The open turns of one deliberation, by seat. Belongs to one event loop."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._open: dict[str, OpenTurn] = {}

    async def ask(self, turn: HumanTurn) -> str | None:
        """Offer a turn and wait for the person."""
        limit = min(self._timeout_s, turn.deadline_s or self._timeout_s)
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._open[turn.seat] = OpenTurn(turn, datetime.now(UTC) + timedelta(seconds=limit), answer)
        try:
            done, _ = await asyncio.wait({answer}, timeout=limit)
        finally:
            del self._open[turn.seat]
        if not done:
            raise DeadlineExceeded(f"{turn.seat} gave no answer within {limit:g} s.", hint="Raise human_timeout_s.")
        return answer.result()

    def open_turns(self) -> list[dict[str, Any]]:
        """Return the turns that wait, as plain data."""
        return [
            {
                "object": "deliberation.turn",
                "seat": seat,
                "system": entry.turn.prompt.system,
                "prompt": entry.turn.prompt.user,
                "schema": entry.turn.schema,
                "deadline": entry.deadline.isoformat(timespec="seconds"),
            }
            for seat, entry in self._open.items()
        ]

    def answer(self, seat: str, text: str | None) -> None:
        """Give a person's words for the open turn of a seat; None passes. Raises `Refusal` 409 if no turn of theirs is open."""
        entry = self._open.get(seat)
        if entry is None or entry.answer.done():
            raise Refusal(409, f"No turn of {seat!r} is open. `GET …/turns` lists those that are.", code="no_open_turn", param="seat")
        entry.answer.set_result(text)
