"""Servers of other makers, started for a test on a free port of this machine."""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(*command, port):
    """Run a server until the end of the block, having waited until it accepts connections."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@contextmanager
def redis_server(port=None):
    port = port or free_port()
    with running("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", port=port):
        yield f"redis://127.0.0.1:{port}"


@contextmanager
def nats_server(folder, port=None):
    port = port or free_port()
    with running("nats-server", "-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", str(port), port=port):
        yield f"nats://127.0.0.1:{port}"
