"""Replay: the events of a deliberation once more onto a bus, without any model."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace as with_fields
from datetime import datetime, timedelta

from mallku.events.bus import EventBus
from mallku.events.kinds import AnyEvent, StatementMade, TurnDelta, TurnOpened

_DRAIN_EVERY = 500


async def replay(
    events: Sequence[AnyEvent], bus: EventBus, *, speed: float | None = None, longest_pause_s: float = 5.0, words: bool = False
) -> None:
    """Publish recorded events in their order; return when every subscriber has handled them.

    Args:
        events: What a journal's `events` returned.
        bus: Where they are published.
        speed: None publishes them at once; 1.0 keeps the time that passed between them, 2.0 halves it.
        longest_pause_s: Pauses are cut to this many seconds, so that a night between two parts of a run is not waited for.
        words: Also publish each statement as the token deltas that a live view shows, spread over the time in which it was made.
    """
    before: datetime | None = None
    for count, (moment, event) in enumerate(_timeline(events, words=words), start=1):
        if speed and before is not None:
            await asyncio.sleep(min(longest_pause_s, max(0.0, (moment - before).total_seconds() / speed)))
        before = moment
        bus.publish(event)
        if count % _DRAIN_EVERY == 0:
            await bus.drain()
    await bus.drain()


def _timeline(events: Sequence[AnyEvent], *, words: bool) -> Iterator[tuple[datetime, AnyEvent]]:
    """Yield events with the moments at which they are due; deltas stand between the recorded ones, whose order is kept."""
    waiting = sorted(_deltas(events), key=lambda pair: pair[0]) if words else []
    last_seq = 0
    for event in events:
        ends = event.turn if isinstance(event, StatementMade) else ""
        later: list[tuple[datetime, TurnDelta]] = []
        for moment, delta in waiting:
            if moment < event.at or delta.turn == ends:
                yield moment, with_fields(delta, seq=last_seq)
            else:
                later.append((moment, delta))
        waiting, last_seq = later, event.seq
        yield event.at, event


def _deltas(events: Sequence[AnyEvent]) -> Iterator[tuple[datetime, TurnDelta]]:
    """Cut each statement into words, due evenly between its first token and its end."""
    opened: dict[str, datetime] = {}
    for event in events:
        if isinstance(event, TurnOpened):
            opened[event.turn] = event.at
        elif isinstance(event, StatementMade):
            begin = opened.get(event.turn, event.at) + timedelta(seconds=event.timings.first_token_s or 0)
            pieces = event.text.split(" ")
            step = max(event.at - begin, timedelta()) / len(pieces)
            for index, piece in enumerate(pieces):
                text = piece if index == 0 else f" {piece}"
                moment = min(begin + step * index, event.at)
                yield (
                    moment,
                    TurnDelta(
                        deliberation=event.deliberation,
                        seq=0,
                        at=moment,
                        caused_by=event.caused_by,
                        turn=event.turn,
                        seat=event.seat,
                        channel="text",
                        text=text,
                    ),
                )
