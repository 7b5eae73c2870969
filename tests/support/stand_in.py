"""A stand-in for model servers: a real HTTP server on loopback that says exactly what it is told to, faults included."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Asked:
    """A request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """What is answered: pieces of body with a pause before each; `cut` drops the connection instead of ending properly."""

    status: int = 200
    body: bytes | list[bytes] = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    before_s: float = 0.0
    cut: bool = False
    hang: bool = False
    head: bytes = b""
    """Head of the answer as it stands on the wire, in place of the usual one; the body then follows as it is, and the connection closes."""


Handler = Callable[[Asked], Reply | Awaitable[Reply]]


def as_json(data: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status=status, body=json.dumps(data).encode(), headers={name.replace("_", "-"): value for name, value in headers.items()})


def models(*names: str, **fields: Any) -> Reply:
    return as_json({"object": "list", "data": [{"id": name, "object": "model", **fields} for name in names]})


def chunk(text: str | None = None, *, finish: str | None = None, model: str = "m", **delta: Any) -> bytes:
    said = {**({"content": text} if text is not None else {}), **delta}
    data = {"object": "chat.completion.chunk", "model": model, "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def usage(prompt: int, completion: int, **more: Any) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **more}
    return b"data: " + json.dumps({"choices": [], "usage": counts}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def stream(*pieces: str | bytes, finish: str | None = "stop", done: bool = True, **reply: Any) -> Reply:
    """A stream of text pieces, or of ready chunks given as bytes."""
    body = [piece if isinstance(piece, bytes) else chunk(piece) for piece in pieces]
    if finish is not None:
        body.append(chunk(finish=finish))
    if done:
        body.append(DONE)
    return Reply(body=body, kind="text/event-stream", **reply)


class StandIn:
    """Serves `GET …/models` and `POST …/chat/completions` as told; everything else is 404."""

    def __init__(self, chat: Handler | Reply | list[Reply], *, listed: Handler | Reply | None = None, **routes: Handler | Reply) -> None:
        self.chat = chat
        self.listed = listed if listed is not None else models("m")
        self.routes: dict[str, Handler | Reply] = dict(routes)
        self.asked: list[Asked] = []
        self.port = 0
        self.now = 0
        self.most_at_once = 0
        self.dropped_by_client = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def chats(self) -> list[Any]:
        """The bodies of the chat requests so far."""
        return [asked.json for asked in self.asked if asked.path.endswith("/chat/completions")]

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Listen no more and drop all connections."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                if not await self._answer(asked, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        reply = await self._reply(asked)
        chatting = asked.path.endswith("/chat/completions")
        self.now += chatting
        self.most_at_once = max(self.most_at_once, self.now)
        gone = asyncio.ensure_future(reader.read(1)) if chatting else None
        try:
            return await self._write(reply, writer, gone)
        finally:
            self.now -= chatting
            if gone is not None:
                gone.cancel()

    async def _write(self, reply: Reply, writer: asyncio.StreamWriter, gone: "asyncio.Future[bytes] | None") -> bool:
        async def pause(seconds: float) -> None:
            if gone is None:
                await asyncio.sleep(seconds)
            elif seconds and await asyncio.wait([gone], timeout=seconds) != (set(), {gone}):
                self.dropped_by_client += 1
                raise ConnectionResetError

        await pause(reply.before_s)
        if reply.status == 0:
            writer.transport.abort()
            return False
        pieces = [reply.body] if isinstance(reply.body, bytes) else reply.body
        if reply.head:
            for piece in (reply.head, *pieces):
                writer.write(piece)
                await writer.drain()
            return False
        head = [
            f"HTTP/1.1 {reply.status} X",
            f"content-type: {reply.kind}",
            "connection: close",
            *(f"{k}: {v}" for k, v in reply.headers.items()),
        ]
        writer.write(("\r\n".join(head) + "\r\ntransfer-encoding: chunked\r\n\r\n").encode())
        for index, piece in enumerate(pieces):
            if index:
                await pause(reply.pause_s)
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if piece else b"")
            await writer.drain()
        if reply.hang:
            await pause(3600)
        if reply.cut:
            writer.transport.abort()
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return False

    async def _reply(self, asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        if path in self.routes:
            handler = self.routes[path]
        elif path == "/v1/models":
            handler = self.listed
        elif path == "/v1/chat/completions":
            handler = self.chat.pop(0) if isinstance(self.chat, list) and len(self.chat) > 1 else self.chat
            handler = handler[0] if isinstance(handler, list) else handler
        else:
            return as_json({"error": {"message": "Not Found", "code": 404}}, 404)
        if isinstance(handler, Reply):
            return handler
        made = handler(asked)
        return made if isinstance(made, Reply) else await made


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, body)
