"""Server-sent events, and the watch for a client that goes away: its request's work is cancelled at once."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mallku.errors import MallkuError
from mallku.server.errors import Refusal, error_body, refusal_of
from mallku.server.json_response import compact

_Got = TypeVar("_Got")

DONE: Final = b"data: [DONE]\n\n"
"""Ends a stream of OpenAI's chat and completions protocols."""

WHEN_LEFT: Final = "mallku.when_left"
"""Where a request's scope may have a `WhenLeft`; without one, the client's leaving is waited for as ASGI has it."""

WhenLeft = Callable[[Callable[[], None] | None], None]
"""Takes what is called when the client goes away, in place of what was given before; None is nothing."""

_TURNS: Final = 32
"""Events after which others get their turn, the news that the client has left included: backend and client may never keep us waiting."""

_HEADERS: Final = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


def event(data: Any, *, name: str = "", id: str = "") -> bytes:  # noqa: A002 - the field's name in the format
    """Return one event; JSON never holds a line break, so one `data:` line is enough."""
    head = (f"id: {id}\n" if id else "") + (f"event: {name}\n" if name else "")
    return b"%sdata: %s\n\n" % (head.encode(), compact(data))


class _Leaving:
    """Watches for the client's going away, and then cancels the task that answers it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.has_happened = False
        self._answering = asyncio.current_task()
        self._tells: WhenLeft | None = scope.get(WHEN_LEFT)
        self._watch: asyncio.Future[None] | None = None
        if self._tells is not None:
            self._tells(self._act)
        else:
            self._watch = asyncio.ensure_future(_left(receive))
            self._watch.add_done_callback(self._see)

    def _see(self, watch: "asyncio.Future[None]") -> None:
        if not watch.cancelled() and watch.exception() is None:
            self._act()

    def _act(self) -> None:
        if self._answering is not None:
            self.has_happened = True
            self._answering.cancel()

    def stop(self) -> None:
        """Watch no more."""
        self._answering = None
        if self._watch is not None:
            self._watch.cancel()
        if self._tells is not None:
            self._tells(None)

    def is_the_reason(self) -> bool:
        """Tell whether a cancellation that arrived is this one, and take it back; others go on."""
        task = asyncio.current_task()
        return self.has_happened and task is not None and task.uncancel() == 0


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_left(request: Request, work: Coroutine[Any, Any, _Got]) -> _Got:
    """Await `work`; if the client goes away first, cancel it and raise."""
    leaving = _Leaving(request.scope, request.receive)
    try:
        return await work
    except asyncio.CancelledError:
        if not leaving.is_the_reason():
            raise
    finally:
        leaving.stop()
    raise Refusal(499, "The client went away.", code="client_closed_request")


class EventStream(Response):
    """Sends byte events as they come. When the client leaves, the iterator is closed and with it the work behind it."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None], *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers={**_HEADERS, **(headers or {})})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the events end or the client leaves. An error before the first event is raised; nothing has been sent then."""
        leaving = _Leaving(scope, receive)
        try:
            await self._write(send)
        except asyncio.CancelledError:
            if not leaving.is_the_reason():
                raise
        except OSError:
            return
        finally:
            leaving.stop()

    async def _write(self, send: Send) -> None:
        async with aclosing(self._events) as events:
            first = await anext(events, b"")
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": first, "more_body": True})
            sent = 0
            async for data in events:
                await send({"type": "http.response.body", "body": data, "more_body": True})
                sent += 1
                if not sent % _TURNS:
                    await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def streamed(events: AsyncGenerator[bytes, None], *, model: str) -> Response:
    """Stream events. What goes wrong before the first one is an ordinary error; afterwards it is an event."""
    return EventStream(_guarded(events), headers={"x-mallku-model": header_text(model)})


async def _guarded(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    has_begun = False
    async with aclosing(events):
        try:
            async for data in events:
                yield data
                has_begun = True
        except (MallkuError, Refusal) as error:
            if not has_begun:
                raise
            yield event(error_body(error if isinstance(error, Refusal) else refusal_of(error)), name="error")


def header_text(text: str) -> str:
    """Return text fit for a header."""
    return "".join(mark if " " <= mark <= "~" else "?" for mark in text)
