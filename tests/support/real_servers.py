"""Servers that nobody here wrote, as child processes on loopback: llama.cpp's own (through xllamacpp) and llama-cpp-python's."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_XLLAMACPP = """
import json, sys, time
import xllamacpp
wanted = json.loads(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = wanted.pop("model")
for name, value in wanted.items():
    setattr(params, name, value)
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.n_gpu_layers = 0
params.no_extra_bufts = True
params.warmup = False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@contextmanager
def llama_server(model: Path, *, waits: bool = True, **params: Any) -> Iterator[str]:
    """llama.cpp's HTTP server; yields its address, when it is ready or, unless it `waits`, as soon as it is started."""
    port = _free_port()
    wanted = {"model": str(model), "hostname": None, "port": port, "n_ctx": 4096, "n_parallel": 4, **params}
    del wanted["hostname"]
    with _child([sys.executable, "-c", _XLLAMACPP, json.dumps(wanted)], f"http://127.0.0.1:{port}", waits=waits) as address:
        yield address


@contextmanager
def llama_cpp_python_server(model: Path, *, n_ctx: int = 2048, **flags: Any) -> Iterator[str]:
    """llama-cpp-python's server; yields its address."""
    port = _free_port()
    more = [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--port", str(port), "--n_ctx", str(n_ctx)]
    with _child([*command, "--n_threads", "1", "--n_threads_batch", "1", *more], f"http://127.0.0.1:{port}") as address:
        yield address


@contextmanager
def _child(command: list[str], address: str, *, waits: bool = True) -> Iterator[str]:
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            if waits:
                _wait(f"{address}/v1/models", process)
            yield address
        finally:
            process.kill()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as answer:
            if answer.code != 503:
                return
            time.sleep(0.05)
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing answers at {url}")


def _free_port() -> int:
    """Return a port below those that the system hands out, from a range that belongs to this process: suites may run side by side."""
    begin = 12_000 + os.getpid() % 1_000 * 20
    for port in range(begin, begin + 20):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
            probe.close()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no port from {begin} on is free")
