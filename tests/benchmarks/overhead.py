# ruff: noqa: T201 - it prints its figures
"""What orchestration costs: a whole circle against the bare `openai` client and a raw HTTP client that make the same calls.

    python tests/benchmarks/overhead.py            # everything, about two minutes
    python tests/benchmarks/overhead.py --quick    # the small circle only

An instant server runs in a child process, so that its own work is not counted. The circle runs as it comes: journal in a file, events,
detectors, streaming. Arms alternate within each repetition, and ratios are taken within one repetition; the table shows medians.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

SERVER = r"""
import asyncio, itertools, json, sys
count = itertools.count()
WORDS = "We should weigh water land school wood bridge harvest evening market garden council river stone".split()

def text(number):
    return " ".join(WORDS[(number * 7 + place * (1 + number % 5)) % len(WORDS)] for place in range(24)) + f", point {number}."

async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0) if "content-length:" in head else 0
            body = await reader.readexactly(length)
            if head.startswith("get"):
                ids = ("m@0.0", "m@0.02", "m@0.05")
                data = {"data": [{"id": name, "owned_by": "vllm", "max_model_len": 1000000} for name in ids]}
                writer.write(answer(json.dumps(data).encode(), "application/json"))
                continue
            asked = json.loads(body)
            await asyncio.sleep(float(asked["model"].partition("@")[2] or 0))
            said = text(next(count))
            usage = {"prompt_tokens": length // 4, "completion_tokens": 30, "total_tokens": length // 4 + 30}
            if asked.get("stream"):
                words = said.split(" ")
                parts = [" ".join(words[at:at + 3]) + " " for at in range(0, len(words), 3)]
                chunks = [{"model": "m", "choices": [{"index": 0, "delta": {"content": part}, "finish_reason": None}]} for part in parts]
                chunks += [{"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
                raw = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
                writer.write(answer(raw, "text/event-stream"))
            else:
                message = {"role": "assistant", "content": said}
                whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
                         "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
                writer.write(answer(json.dumps(whole).encode(), "application/json"))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

def answer(raw, kind):
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(raw)}\r\n\r\n".encode() + raw

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

QUESTION = "How should we share the water of the valley?"
PERSONA = "You are {name}. You speak for the {name} side of the valley, in short plain sentences."


@contextmanager
def instant_server():
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


async def bare(url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False) -> None:
    """The plain SDK in a loop, one chat message for each statement, as most frameworks do."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key="x") as client:
        said: list[dict[str, str]] = []

        async def turn(seat: int) -> str:
            messages = [{"role": "system", "content": PERSONA.format(name=f"S{seat}")}, {"role": "user", "content": QUESTION}, *said]
            answer = await client.chat.completions.create(model=f"m@{delay}", messages=messages, max_tokens=64)  # type: ignore[arg-type]
            return answer.choices[0].message.content or ""

        await _rounds(turn, said, seats, rounds, together=together)


async def raw(url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False) -> None:
    """A raw HTTP client with one message."""
    import httpx2

    async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
        said: list[dict[str, str]] = []

        async def turn(seat: int) -> str:
            talk = "\n".join(entry["content"] for entry in said)
            messages = [{"role": "user", "content": f"{QUESTION}\n{talk}\n{PERSONA.format(name=f'S{seat}')}"}]
            answer = await client.post(f"{url}/chat/completions", json={"model": f"m@{delay}", "messages": messages, "max_tokens": 64})
            return str(answer.json()["choices"][0]["message"]["content"])

        await _rounds(turn, said, seats, rounds, together=together)


async def _rounds(turn: Callable[[int], Awaitable[str]], said: list[dict[str, str]], seats: int, rounds: int, *, together: bool) -> None:
    for _ in range(rounds):
        if together:
            texts = await asyncio.gather(*(turn(seat) for seat in range(seats)))
            said += [{"role": "user", "content": f"S{seat}: {text}"} for seat, text in enumerate(texts)]
        else:
            for seat in range(seats):
                said.append({"role": "user", "content": f"S{seat}: {await turn(seat)}"})


async def circle(
    url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False, journal: str = "", detectors: bool = True
) -> None:
    """A circle as it comes: journal, events, detectors, streaming; no ballots, so that the calls are the same."""
    from mallku.detectors import Panel
    from mallku.dialogue.prompt import GenerationSettings
    from mallku.firecircle import DecisionPlan, FireCircle, Persona, Plan, RoundPlan
    from mallku.firecircle.adapters.openai_compatible import OpenAICompatible

    order = "simultaneous" if together else "round-robin"
    plan = Plan(
        rounds=tuple(RoundPlan(kind="reflection", order=order) for _ in range(rounds)),
        decision=DecisionPlan(rule="none", ballot_before=False, minority_report=False),
    )
    made = FireCircle(plan=plan, journal=journal or ":memory:", seed=1, panel=None if detectors else Panel(()))
    for seat in range(seats):
        persona = Persona(name=f"S{seat}", instructions=PERSONA.format(name=f"S{seat}"))
        participant = OpenAICompatible(url, model=f"m@{delay}", parallel=64)
        made.add_participant(participant, persona=persona, settings=GenerationSettings(max_tokens=64))
    async with made:
        result = await made.deliberate(QUESTION)
    assert len(result.statements) == seats * rounds, (len(result.statements), result.status, result.reason)


async def without_detectors(url: str, seats: int, rounds: int, **options: Any) -> None:
    """The same circle, its statements judged by nobody."""
    await circle(url, seats, rounds, detectors=False, **options)


ARMS = {"bare openai": bare, "raw httpx2": raw, "mallku": circle, "no detectors": without_detectors}


def cpu(run: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Return processor and wall seconds of one run."""
    began, wall = time.process_time(), time.perf_counter()
    asyncio.run(run())  # type: ignore[arg-type]
    return time.process_time() - began, time.perf_counter() - wall


def per_turn(url: str, seats: int, rounds: int, repetitions: int) -> None:
    """Print processor time per turn, absolute and as a ratio to the bare client."""
    figures: dict[str, list[float]] = {name: [] for name in ARMS}
    with tempfile.TemporaryDirectory() as folder:
        for repetition in range(repetitions + 1):
            for name, arm in ARMS.items():
                options = {"journal": f"{folder}/{name}-{repetition}.db"} if arm in {circle, without_detectors} else {}
                spent, _ = cpu(lambda arm=arm, options=options: arm(url, seats, rounds, **options))  # type: ignore[misc]
                if repetition:
                    figures[name].append(1000 * spent / (seats * rounds))
    print(f"\n{seats} seats x {rounds} rounds, processor time per turn")
    for name, spent in figures.items():
        ratios = [mine / theirs for mine, theirs in zip(spent, figures["bare openai"], strict=True)]
        print(f"  {name:<12} {statistics.median(spent):7.2f} ms   {statistics.median(ratios):5.2f} x bare")


def simultaneous(url: str, repetitions: int) -> None:
    """Print the wall time of four simultaneous rounds with a delay of 50 ms."""
    print("\n5 seats x 4 simultaneous rounds at 50 ms delay, wall seconds (ideal 0.20)")
    for name, arm in ARMS.items():
        walls = [cpu(lambda arm=arm: arm(url, 5, 4, delay=0.05, together=True))[1] for _ in range(repetitions + 1)][1:]  # type: ignore[misc]
        print(f"  {name:<12} {statistics.median(walls):7.3f} s   {statistics.median(walls) / 0.2:5.2f} x ideal")


def many(url: str, count: int) -> None:
    """Print the wall time of many deliberations at once."""
    ideal = 2 * 0.02
    print(f"\n{count} deliberations at once, 5 seats x 2 simultaneous rounds at 20 ms delay")
    for name, arm in ARMS.items():

        async def all_at_once(arm: Callable[..., Awaitable[None]] = arm) -> None:
            await asyncio.gather(*(arm(url, 5, 2, delay=0.02, together=True) for _ in range(count)))

        wall = cpu(all_at_once)[1]
        print(f"  {name:<12} {wall:7.2f} s   {wall / ideal:6.1f} x one alone")


def profile(url: str, seats: int, rounds: int) -> None:
    """Print where a circle's time goes."""
    import cProfile
    import pstats

    asyncio.run(circle(url, 2, 1))
    profiler = cProfile.Profile()
    profiler.enable()
    asyncio.run(circle(url, seats, rounds))
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
    pstats.Stats(profiler).sort_stats("cumtime").print_stats("mallku", 40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--repetitions", type=int, default=5)
    chosen = parser.parse_args()
    print(json.dumps({"python": sys.version.split()[0], "repetitions": chosen.repetitions}))
    with instant_server() as url:
        if chosen.profile:
            profile(url, 5, 20)
            return
        per_turn(url, 5, 4, chosen.repetitions)
        if chosen.quick:
            return
        per_turn(url, 20, 10, max(2, chosen.repetitions // 2))
        simultaneous(url, chosen.repetitions)
        many(url, 100)


if __name__ == "__main__":
    main()
