# ruff: noqa: T201 - it prints its figures
"""What orchestration costs: a whole circle against the bare `openai` client and a raw HTTP client that make the same calls.

    python tests/benchmarks/overhead.py            # everything, a few minutes
    python tests/benchmarks/overhead.py --quick    # the small circle only
    python tests/benchmarks/overhead.py --peers    # other frameworks too, those that are installed beside mallku

An instant server runs in a child process, so that its own work is not counted. The circle runs as it comes: journal in a file that exists
already, events, detectors, streaming. Arms alternate within each repetition, and ratios are taken within one repetition; the table shows
medians. Imports and memory are measured in processes of their own.
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

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import overhead_peers  # noqa: E402 - it lies beside this script

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

MEASURED = """
import resource, subprocess, sys
subprocess.run([sys.executable, *sys.argv[1:]], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""

QUESTION, PERSONA = overhead_peers.QUESTION, overhead_peers.PERSONA
Arm = Callable[..., Awaitable[None]]
LOOP = asyncio.Runner()
"""One event loop for all runs: some frameworks keep clients for the life of the process."""


@contextmanager
def instant_server():
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


async def bare(url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False, **_: Any) -> None:
    """The plain SDK in a loop, one chat message for each statement, as most frameworks do."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key="x") as client:
        said: list[dict[str, str]] = []

        async def turn(seat: int) -> str:
            messages = [{"role": "system", "content": PERSONA.format(name=f"S{seat}")}, {"role": "user", "content": QUESTION}, *said]
            answer = await client.chat.completions.create(model=f"m@{delay}", messages=messages, max_tokens=64)  # type: ignore[arg-type]
            return answer.choices[0].message.content or ""

        await _rounds(turn, said, seats, rounds, together=together)


async def raw(url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False, **_: Any) -> None:
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
    url: str, seats: int, rounds: int, *, delay: float = 0.0, together: bool = False, journal: Any = "", detectors: bool = True
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


ARMS: dict[str, Arm] = {"bare openai": bare, "raw httpx2": raw, "mallku": circle, "no detectors": without_detectors}
IMPORTS = {
    "bare openai": "from openai import AsyncOpenAI; AsyncOpenAI(api_key='x').chat",
    "raw httpx2": "import httpx2",
    "mallku": "import mallku.firecircle",
    **overhead_peers.IMPORTS,
}


def cpu(run: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Return processor and wall seconds of one run."""
    began, wall = time.process_time(), time.perf_counter()
    LOOP.run(run())  # type: ignore[arg-type]
    return time.process_time() - began, time.perf_counter() - wall


def per_turn(arms: dict[str, Arm], url: str, seats: int, rounds: int, repetitions: int) -> dict[str, float]:
    """Print processor time per turn, absolute and as a ratio to the bare client, and return the absolute figures."""
    figures: dict[str, list[float]] = {name: [] for name in arms}
    with tempfile.TemporaryDirectory() as folder:
        for repetition in range(repetitions + 1):
            for name, arm in arms.items():
                spent, _ = cpu(lambda name=name, arm=arm: arm(url, seats, rounds, journal=f"{folder}/{name}.db"))  # type: ignore[misc]
                if repetition:
                    figures[name].append(1000 * spent / (seats * rounds))
    print(f"\n{seats} seats x {rounds} rounds, processor time per turn")
    for name, spent in figures.items():
        ratios = [mine / theirs for mine, theirs in zip(spent, figures["bare openai"], strict=True)]
        print(f"  {name:<14} {statistics.median(spent):7.2f} ms   {statistics.median(ratios):5.2f} x bare", flush=True)
    return {name: statistics.median(spent) for name, spent in figures.items()}


def growth(few: dict[str, float], many_turns: dict[str, float]) -> None:
    """Print how much a turn costs more for each earlier statement; at 20 turns there are 9.5 on average, at 200 turns 99.5."""
    print("\nprocessor time that a turn costs more for each earlier statement")
    for name, before in few.items():
        print(f"  {name:<14} {1000 * (many_turns[name] - before) / 90:7.1f} us")


def simultaneous(arms: dict[str, Arm], url: str, repetitions: int) -> None:
    """Print the wall time of four simultaneous rounds with a delay of 50 ms."""
    print("\n5 seats x 4 simultaneous rounds at 50 ms delay, wall seconds (ideal 0.20)")
    for name, arm in arms.items():
        try:
            walls = [cpu(lambda arm=arm: arm(url, 5, 4, delay=0.05, together=True))[1] for _ in range(repetitions + 1)][1:]  # type: ignore[misc]
        except NotImplementedError:
            continue
        print(f"  {name:<14} {statistics.median(walls):7.3f} s   {statistics.median(walls) / 0.2:5.2f} x ideal", flush=True)


def many(arms: dict[str, Arm], url: str, count: int) -> None:
    """Print the wall time of many deliberations at once; all circles keep their record in one open journal file."""
    from mallku.journal import open_journal

    ideal = 5 * 2 * 0.02
    print(f"\n{count} deliberations at once, 5 seats x 2 rounds one after another at 20 ms delay, wall seconds (ideal {ideal:.2f})")
    for name, arm in arms.items():

        async def all_at_once(arm: Arm = arm) -> None:
            with tempfile.TemporaryDirectory() as folder:
                async with await open_journal(f"{folder}/journal.db") as journal:
                    await asyncio.gather(*(arm(url, 5, 2, delay=0.02, journal=journal) for _ in range(count)))

        wall = cpu(all_at_once)[1]
        print(f"  {name:<14} {wall:7.2f} s   {wall / ideal:6.1f} x ideal", flush=True)


def longest_gap(url: str) -> None:
    """Print for how long the event loop did nothing else while a round of 20 seats that speak at once ended and was judged."""

    async def watched() -> float:
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                began = time.perf_counter()
                await asyncio.sleep(0)
                longest = max(longest, time.perf_counter() - began)

        watching = asyncio.create_task(watch())
        await circle(url, 20, 2, delay=0.05, together=True)
        watching.cancel()
        return longest

    LOOP.run(circle(url, 2, 1))
    gaps = [1000 * LOOP.run(watched()) for _ in range(5)]
    print(f"\nlongest time the event loop was held, 20 seats x 2 simultaneous rounds: median {statistics.median(gaps):.1f} ms")


def imports_and_memory(arms: dict[str, Arm], url: str) -> None:
    """Print the processor time of what each needs imported, and the peak memory of a process that runs the small circle."""
    print("\nprocessor seconds of importing; peak memory of a process that runs 5 seats x 4 rounds")
    for name in arms:
        costs = [f"{min(_child(['-c', IMPORTS[name]])[0] for _ in range(3)):5.2f} s"] if name in IMPORTS else ["      -"]
        print(f"  {name:<14} {costs[0]}   {_child([__file__, '--once', name, '--url', url])[1]:5.0f} MB", flush=True)


def _child(arguments: list[str]) -> tuple[float, float]:
    """Run Python and return its processor seconds and its peak memory in MB."""
    asked = [sys.executable, "-c", MEASURED, *arguments]
    told = subprocess.run(asked, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    seconds, peak = told.stdout.split()[-2:]
    return float(seconds), float(peak)


def profile(url: str, seats: int, rounds: int) -> None:
    """Print where a circle's time goes."""
    import cProfile
    import pstats

    LOOP.run(circle(url, 2, 1))
    profiler = cProfile.Profile()
    profiler.enable()
    asyncio.run(circle(url, seats, rounds))
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
    pstats.Stats(profiler).sort_stats("cumtime").print_stats("mallku", 40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peers", action="store_true", help="also run other frameworks, where they are installed")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--once", help="run one arm once, for measuring its memory")
    parser.add_argument("--url", default="")
    chosen = parser.parse_args()
    arms = ARMS | (overhead_peers.installed() if chosen.peers else {})
    if chosen.once:
        asyncio.run({**ARMS, **overhead_peers.installed()}[chosen.once](chosen.url, 5, 4))  # type: ignore[arg-type]
        return
    print(json.dumps({"python": sys.version.split()[0], "repetitions": chosen.repetitions}))
    with instant_server() as url:
        if chosen.profile:
            profile(url, 5, 20)
            return
        few = per_turn(arms, url, 5, 4, chosen.repetitions)
        if chosen.quick:
            return
        growth(few, per_turn(arms, url, 20, 10, max(2, chosen.repetitions // 2)))
        simultaneous(arms, url, chosen.repetitions)
        many(arms, url, 100)
        longest_gap(url)
        imports_and_memory(arms, url)


if __name__ == "__main__":
    main()
