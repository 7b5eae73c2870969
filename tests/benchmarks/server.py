"""The server against its peers: one GGUF, the same requests, one run.

    python tests/benchmarks/server.py                          the table of docs/server.md
    python tests/benchmarks/server.py --model FILE.gguf --requests 20 --tokens 64
    python tests/benchmarks/server.py --requests 0             the small requests only

Peers are llama-cpp-python's server and llama.cpp's own (in xllamacpp), each a child process with one thread and 4096 tokens, as ours is.
Every server answers the same streamed chats from 1, 4 and 16 clients at once, and then small requests one after another on one
connection: `GET /v1/models`, and a chat of one token, in milliseconds by the clock and
of processor time in the server's process. They take turns, so that a busy machine is busy for all. Clients are plain sockets.
"""

# ruff: noqa: T201 (a benchmark prints its table)

import argparse
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

import psutil  # noqa: E402 (found as above)
from support.real_servers import llama_cpp_python_server, llama_server  # noqa: E402 (found through the path set above)

from mallku.tiny import rehearsal_model_path  # noqa: E402

CLIENTS = (1, 4, 16)
OVERHEAD_REQUESTS = 40
OVERHEAD_ROUNDS = 20


@contextlib.contextmanager
def mallku_server(model: Path) -> Iterator[str]:
    """Run our server as a child process; yields its address."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--port", "0", "--model", f"m={model}", "--threads", "1", "--context-length", "1024", "--journal", f"{folder}/journal.db"]
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        command = [sys.executable, "-m", "mallku", "serve", *flags]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment, cwd=folder) as process:
            assert process.stderr is not None
            try:
                line = next(line for line in process.stderr if "mallku serves at " in line)
                yield line.split()[3].removesuffix("/v1")
            finally:
                process.terminate()
                process.stderr.close()


def connect(address: str) -> http.client.HTTPConnection:
    """Open a connection."""
    return http.client.HTTPConnection(address.removeprefix("http://"), timeout=300)


def chat(line: http.client.HTTPConnection, number: int, tokens: int, *, stream: bool) -> tuple[float, float, int]:
    """Ask once; return seconds to the first token, seconds in all, and tokens."""
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": f"Number {number}: should we share the well, the road and the seed?"}],
        "max_tokens": tokens,
        "temperature": 0,
        "stream": stream,
    }
    began = time.perf_counter()
    line.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    answer = line.getresponse()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{answer.status}: {answer.read()[:200]!r}")
    if not stream:
        answer.read()
        return 0.0, time.perf_counter() - began, tokens
    first, pieces = 0.0, 0
    for row in answer:
        if row.startswith(b"data: {") and json.loads(row[6:])["choices"][0]["delta"].get("content"):
            pieces += 1
            first = first or time.perf_counter() - began
    return first, time.perf_counter() - began, pieces


def load(address: str, clients: int, requests: int, tokens: int) -> dict[str, float]:
    """Let clients ask at once; return the figures."""

    def work(client: int) -> list[tuple[float, float, int]]:
        done = []
        for number in range(client, requests, clients):
            with contextlib.closing(connect(address)) as line, contextlib.suppress(OSError, http.client.HTTPException):
                done.append(chat(line, number, tokens, stream=True))
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = [one for each in pool.map(work, range(clients)) for one in each]
    wall = time.perf_counter() - began
    return {
        "ttft_ms": 1000 * statistics.median([first for first, _, _ in done] or [0.0]),
        "failed": requests - len(done),
        "tokens_per_s": sum(count for _, _, count in done) / wall,
        "requests_per_s": len(done) / wall,
    }


def overhead(addresses: dict[str, str], processes: dict[str, psutil.Process]) -> dict[str, dict[str, float]]:
    """Return the milliseconds of small requests on one connection, by the clock and of the servers' processor time.

    The servers take turns in short rounds: a processor's speed changes with what its neighbour does, within seconds.
    """
    found: dict[str, dict[str, float]] = {name: {} for name in addresses}
    with contextlib.ExitStack() as stack:
        lines = {name: stack.enter_context(contextlib.closing(connect(address))) for name, address in addresses.items()}
        for kind, ask in (("models", listing), ("one_token", lambda line: chat(line, 0, 1, stream=False)[1])):
            spent: dict[str, list[float]] = {name: [] for name in addresses}
            processor = dict.fromkeys(addresses, 0.0)
            for turn in range(OVERHEAD_ROUNDS + 1):
                for name, line in lines.items():
                    before = sum(processes[name].cpu_times()[:2])
                    asked = [ask(line) for _ in range(OVERHEAD_REQUESTS)]
                    if turn:  # the first one warms up
                        spent[name] += asked
                        processor[name] += sum(processes[name].cpu_times()[:2]) - before
            for name in addresses:
                found[name][f"{kind}_ms"] = 1000 * statistics.median(spent[name])
                found[name][f"{kind}_cpu_ms"] = 1000 * processor[name] / len(spent[name])
    return found


def listing(line: http.client.HTTPConnection) -> float:
    """List the models; return the seconds."""
    began = time.perf_counter()
    line.request("GET", "/v1/models")
    line.getresponse().read()
    return time.perf_counter() - began


def measure(model: Path, requests: int, tokens: int) -> dict[str, list[dict[str, float]]]:
    """Run everything against every server, in turns."""
    with contextlib.ExitStack() as stack:
        contexts = {
            "mallku serve": mallku_server(model),
            "llama_cpp.server": llama_cpp_python_server(model, n_ctx=4096, interrupt_requests=False),
            "llama.cpp (xllamacpp)": llama_server(model),
        }
        servers, processes = {}, {}
        for name, context in contexts.items():
            known = set(psutil.Process().children())
            servers[name] = stack.enter_context(context)
            (processes[name],) = set(psutil.Process().children()) - known
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for address in servers.values():
            load(address, 1, 2, tokens)
        for clients in CLIENTS if requests else ():
            for name, address in servers.items():
                rows[name].append(load(address, clients, max(requests, clients), tokens))
        for name, figures in overhead(servers, processes).items():
            rows[name].append(figures)
    return rows


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=rehearsal_model_path())
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=48)
    given = parser.parse_args()
    rows = measure(given.model, given.requests, given.tokens)
    print("| server | clients | first token ms | tokens/s | requests/s | failed |")
    print("|---|---|---|---|---|---|")
    for name, figures in rows.items():
        for clients, row in zip(CLIENTS, figures[:-1], strict=False):
            speed = f"{row['ttft_ms']:.0f} | {row['tokens_per_s']:.0f} | {row['requests_per_s']:.2f}"
            print(f"| {name} | {clients} | {speed} | {row['failed']:.0f} |")
    print("\n| server | GET /v1/models ms | of processor | chat of one token ms | of processor |")
    print("|---|---|---|---|---|")
    for name, figures in rows.items():
        last = [figures[-1][f"{kind}_ms"] for kind in ("models", "models_cpu", "one_token", "one_token_cpu")]
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in last)} |")


if __name__ == "__main__":
    main()
