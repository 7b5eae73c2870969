"""The child process of an isolated engine: a threaded engine that takes its orders from stdin and answers on stdout."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO

from mallku.dialogue.message import Message
from mallku.engine.engine import Engine
from mallku.engine.frames import Frame, build, error_frame, from_line, to_line
from mallku.engine.load import load_engine
from mallku.engine.request import EngineRequest, EngineResult
from mallku.engine.settings import EngineSettings
from mallku.errors import EngineCrashed, MallkuError


class Child:
    """Serves one parent until it hangs up."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self, orders: asyncio.StreamReader) -> None:
        """Load what the first order names, then carry out orders side by side."""
        first = from_line(await orders.readline())
        settings = replace(build(EngineSettings, first["settings"]), isolate=False)
        try:
            engine = await load_engine(settings, lambda share: self._send({"progress": share}))
        except MallkuError as error:
            self._send({"id": 0, "error": error_frame(error)})
            return
        self._send({"id": 0, "value": engine.facts})
        while line := await orders.readline():
            order = from_line(line)
            number: int = order["id"]
            if order["do"] == "cancel":
                if number in self._tasks:
                    self._tasks[number].cancel()
                continue
            task = self._tasks[number] = asyncio.create_task(self._carry_out(engine, number, order))
            task.add_done_callback(partial(self._ended, number))
        await engine.close()

    async def _carry_out(self, engine: Engine, number: int, order: Frame) -> None:
        try:
            if order["do"] == "generate":
                async for part in engine.generate(build(EngineRequest, order["request"])):
                    self._send({"id": number, "value" if isinstance(part, EngineResult) else "piece": part})
            else:
                self._send({"id": number, "value": await _call(engine, order["do"], order["arguments"])})
        except MallkuError as error:
            self._send({"id": number, "error": error_frame(error)})

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        """Forget an order. One that ended in a fault of ours is answered too, so that nobody waits for it."""
        del self._tasks[number]
        if not task.cancelled() and (fault := task.exception()) is not None:
            error = EngineCrashed(f"The engine's process could not carry out an order: {fault!r}.", hint="Please report this.")
            self._send({"id": number, "error": error_frame(error)})

    def _send(self, frame: Frame) -> None:
        self._answers.write(to_line(frame))
        self._answers.flush()


async def _call(engine: Engine, method: str, arguments: dict[str, Any]) -> Any:
    """Call the method of the engine that an order names."""
    match method:
        case "count_tokens":
            return await engine.count_tokens([build(Message, message) for message in arguments["messages"]])
        case "tokenize":
            return await engine.tokenize(arguments["text"], special=arguments["special"])
        case "detokenize":
            return await engine.detokenize(arguments["tokens"])
        case "embed":
            return await engine.embed(arguments["texts"])
        case _:
            return await engine.statistics()


async def _main(answers: BinaryIO) -> None:
    orders = asyncio.StreamReader(limit=1 << 26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await Child(answers).serve(orders)


def main() -> None:
    """Run until the parent hangs up. What native code prints goes to stderr, so that it cannot mix with the answers.

    Ctrl-C at a terminal reaches this process too; when to stop is the parent's decision.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asyncio.run(_main(answers))


if __name__ == "__main__":
    main()
