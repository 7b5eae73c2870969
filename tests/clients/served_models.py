"""A server for real clients: the bundled model, one that does whatever a client can ask for, and one that never ends."""

# ruff: noqa: E402, T201 (the path comes first; the address is printed)

import asyncio
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from support.scripted_backend import ScriptedBackend

from mallku.dialogue.response import Usage
from mallku.server.app import create_app
from mallku.server.backend import Outcome, Piece, ToolCall
from mallku.server.residency import Residency
from mallku.server.roster import Roster
from mallku.server.served_models import served_models
from mallku.server.serving import uvicorn_server
from mallku.server.settings import ServerSettings

USAGE = Usage(prompt_tokens=9, cached_tokens=0, completion_tokens=5)


class Helper(ScriptedBackend):
    """Keeps schemas, calls the first tool once, and otherwise says one sentence."""

    async def generate(self, generation):
        last = generation.messages[-1].content if generation.messages else ""
        if generation.tools and generation.tool_choice != "none" and "<tool_response>" not in last:
            call = ToolCall(id="call_1", name=generation.tools[0].name, arguments='{"well": "north"}')
            yield Outcome(finish="tool_calls", usage=USAGE, tool_calls=(call,))
            return
        said = '{"well": "north"}' if generation.schema else "It is 12 m deep." if "<tool_response>" in last else "Let us share the well."
        for at in range(0, len(said), 4):
            yield Piece(text=said[at : at + 4])
        yield Outcome(usage=USAGE)


class Endless(ScriptedBackend):
    """Goes on until somebody leaves."""

    async def generate(self, generation):
        while True:
            yield Piece(text="more ")
            await asyncio.sleep(0.02)


def main():
    """Serve, and say where."""
    settings = ServerSettings(port=0, grace_s=1, threads=1, models=("tiny",), journal=sys.argv[1])
    residency = Residency(max_memory_gb=4, unload_after_s=900)
    roster = Roster([Helper("helper"), Endless("endless"), *served_models(settings, residency)])
    server = uvicorn_server(create_app(settings, roster=roster), settings, lambda address: print(address, flush=True))
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
