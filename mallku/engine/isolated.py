"""The engine in a child process: the same interface and laws, and a crash in native code is a failure that can be retried."""

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import mallku
from mallku.dialogue.message import Message
from mallku.engine.engine import OnProgress
from mallku.engine.frames import Frame, build, error_from, from_line, to_line
from mallku.engine.request import Embeddings, EngineFacts, EngineRequest, EngineResult, EngineStatistics, TextPiece
from mallku.engine.settings import EngineSettings
from mallku.errors import ConfigurationError, EngineCrashed

_LINE_LIMIT = 1 << 26
_EMBEDDED_AT_ONCE = 256
_CLOSING_S = 5.0


class IsolatedEngine:
    """An `Engine` over a child process. If the child dies, running requests raise `EngineCrashed`; the next one starts a new child."""

    def __init__(self, settings: EngineSettings, on_progress: OnProgress | None, process: "_Process", facts: EngineFacts) -> None:
        self._settings = settings
        self._on_progress = on_progress
        self._process = process
        self._facts = facts
        self._starting = asyncio.Lock()
        self._successor: asyncio.Task[tuple[_Process, EngineFacts]] | None = None
        self._home = (os.getpid(), asyncio.get_running_loop())
        self._is_closed = False

    @classmethod
    async def load(cls, settings: EngineSettings, on_progress: OnProgress | None = None) -> "IsolatedEngine":
        """Start a child and load the model there; raises a `ModelFileError`, or `EngineCrashed` if loading kills the child."""
        process, facts = await _Process.start(settings, on_progress)
        return cls(settings, on_progress, process, facts)

    @property
    def facts(self) -> EngineFacts:
        """What is known about the loaded model."""
        return self._facts

    @property
    def is_open(self) -> bool:
        """Whether it answers; a child that died is started anew."""
        return not self._is_closed

    @property
    def process_id(self) -> int:
        """The child's process id, for measuring it."""
        return self._process.process_id

    async def generate(self, request: EngineRequest) -> AsyncIterator[TextPiece | EngineResult]:
        """Answer one request as a stream."""
        process = await self._living()
        call = process.begin({"do": "generate", "request": request})
        try:
            while not call.is_over:
                frame = await call.next()
                yield build(TextPiece, frame["piece"]) if "piece" in frame else build(EngineResult, frame["value"])
        finally:
            process.end(call)

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count the tokens of a chat."""
        return int(await self._ask("count_tokens", messages=list(messages)))

    async def tokenize(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """Turn text into token ids."""
        return tuple(await self._ask("tokenize", text=text, special=special))

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Turn token ids into text."""
        return str(await self._ask("detokenize", tokens=list(tokens)))

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Turn texts into vectors of length 1."""
        vectors: list[tuple[float, ...]] = []
        tokens = 0
        for start in range(0, len(texts), _EMBEDDED_AT_ONCE):
            some = build(Embeddings, await self._ask("embed", texts=list(texts[start : start + _EMBEDDED_AT_ONCE])))
            vectors += some.vectors
            tokens += some.tokens
        return Embeddings(vectors=tuple(vectors), tokens=tokens)

    async def statistics(self) -> EngineStatistics:
        """Return the sums so far, of the present child."""
        return build(EngineStatistics, await self._ask("statistics"))

    async def close(self) -> None:
        """End the child, also one that is just being started in another's place."""
        self._is_closed = True
        if self._successor is not None:
            self._successor.cancel()
        async with self._starting:
            await self._process.close()

    async def _ask(self, method: str, **arguments: Any) -> Any:
        process = await self._living()
        call = process.begin({"do": method, "arguments": arguments})
        try:
            return (await call.next())["value"]
        finally:
            process.end(call)

    async def _living(self) -> "_Process":
        """Return the child, started anew if it has died."""
        if self._home != (os.getpid(), asyncio.get_running_loop()):
            raise ConfigurationError(
                "An isolated engine serves the process and the event loop in which it was loaded, and was called from another one.",
                hint="Load an engine there too, or load this one without `isolate`.",
            )
        async with self._starting:
            if self._is_closed:
                raise _closed()
            if self._process.is_dead:
                await self._process.close()
                await self._replace()
            return self._process

    async def _replace(self) -> None:
        self._successor = asyncio.create_task(_Process.start(self._settings, self._on_progress))
        try:
            self._process, self._facts = await self._successor
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not self._is_closed or (caller is not None and caller.cancelling()):
                raise
            raise _closed() from None
        finally:
            self._successor = None


class _Call:
    """One order to the child, and its answers as they come."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_over = False
        self.answers: asyncio.Queue[Frame | EngineCrashed] = asyncio.Queue()

    async def next(self) -> Frame:
        """Return the next answer; raises the error that came instead."""
        answer = await self.answers.get()
        if isinstance(answer, EngineCrashed):
            self.is_over = True
            raise answer
        self.is_over = "piece" not in answer
        if "error" in answer:
            raise error_from(answer["error"])
        return answer


class _Process:
    """A running child and the calls that wait for it."""

    def __init__(self, process: asyncio.subprocess.Process, on_progress: OnProgress | None) -> None:
        self.is_dead = False
        self._process = process
        self._on_progress = on_progress
        self._numbers = itertools.count()
        self._calls: dict[int, _Call] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, settings: EngineSettings, on_progress: OnProgress | None) -> tuple["_Process", EngineFacts]:
        """Start a child and wait until its model is loaded."""
        # -P: what lies in the working directory must not stand in for a module.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "mallku.engine.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=_LINE_LIMIT,
        )
        child = cls(process, on_progress)
        call = child.begin({"settings": settings})
        try:
            return child, build(EngineFacts, (await call.next())["value"])
        except BaseException:
            child.kill()  # while it loads it would not see that its parent has hung up
            await child.close()
            raise

    @property
    def process_id(self) -> int:
        return self._process.pid

    def begin(self, order: Frame) -> _Call:
        """Send an order."""
        call = _Call(next(self._numbers))
        if self.is_dead:
            call.answers.put_nowait(self._death())
            return call
        self._calls[call.number] = call
        self._send({"id": call.number, **order})
        return call

    def end(self, call: _Call) -> None:
        """Forget a call, and tell the child if it is still at it."""
        if self._calls.pop(call.number, None) is not None and not call.is_over:
            self._send({"id": call.number, "do": "cancel"})

    def kill(self) -> None:
        """End the child at once, if it still lives."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """Hang up, and end the child if it does not end itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._wait()
        await self._reading
        with suppress(BrokenPipeError, ConnectionResetError):
            await self._process.stdin.wait_closed()

    async def _wait(self) -> None:
        """Wait for the child's end, but not for ever; whoever gives up waiting leaves no child behind."""
        try:
            async with asyncio.timeout(_CLOSING_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        except asyncio.CancelledError:
            self.kill()
            raise

    def _send(self, frame: Frame) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(to_line(frame))

    async def _read(self) -> None:
        """Hand answers to their calls until the child hangs up, or says what is no answer, such as half a line when it dies."""
        try:
            await self._hand_out()
        except ValueError:
            self.kill()
        finally:
            await self._wait()
            self.is_dead = True
            for call in self._calls.values():
                call.answers.put_nowait(self._death())
            self._calls.clear()

    async def _hand_out(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            frame = from_line(line)
            if "progress" in frame:
                if self._on_progress is not None:
                    self._on_progress(frame["progress"])
            elif frame["id"] in self._calls:
                self._calls[frame["id"]].answers.put_nowait(frame)

    def _death(self) -> EngineCrashed:
        status = self._process.returncode or 0
        cause = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return EngineCrashed(f"The engine's process {cause}.", hint="Ask again: a new process is started.")


def _closed() -> EngineCrashed:
    return EngineCrashed("The engine is closed.", hint="Load it again.")


def _environment() -> dict[str, str]:
    """Let the child find mallku where this process has found it, and die at once where it has to: ggml would call a debugger first."""
    package = str(Path(mallku.__file__).resolve().parents[1])
    return {**os.environ, "GGML_NO_BACKTRACE": "1", "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))}
