# ruff: noqa: T201, E402 - it prints its figures; its imports need the path
"""Reads the header of a model of 20 billion weights, with mallku and with the `gguf` package: `python tests/benchmarks/header.py`."""

import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")]

import gguf
from model_headers import write_big_gguf

from mallku.catalog.model_file import model_facts


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


with tempfile.TemporaryDirectory() as folder:
    path = write_big_gguf(Path(folder) / "big.gguf")
    for name, read in (("mallku", model_facts), ("gguf package", gguf.GGUFReader)):
        before, began = peak_mb(), time.process_time()
        read(path)
        print(f"{name:<13} {time.process_time() - began:7.3f} s   memory grew by {peak_mb() - before:6.1f} MB")
