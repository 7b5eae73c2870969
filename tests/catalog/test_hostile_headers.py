"""No model file, however hostile, takes memory or time: read in a child that the system would end."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from gguf_models import write_transformer
from model_headers import ARRAY, STRING, gguf_bytes, tensor, text, write_gguf, write_safetensors

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
ROOT = Path(__file__).parents[2]
MEGA = 1024 * 1024


def sparse(path, head, size):
    """Write a file that claims a size and takes no room: zeros follow its head."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)


def texts_without_end(path):
    """A hundred texts of a megabyte outside any array: each allowed, together too much to keep."""
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 100))
        for number in range(100):
            file.write(text(f"k{number}") + struct.pack("<IQ", STRING, MEGA))
            file.seek(MEGA, 1)
        file.truncate(file.tell())


def keys_without_end(path):
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 4000))
        for _ in range(4000):
            file.write(struct.pack("<Q", 60_000))
            file.seek(60_000, 1)
            file.write(struct.pack("<II", 4, 1))


def safetensors(path, raw):
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)


BOMBS = {
    "empty arrays by the million.gguf": lambda path: path.write_bytes(
        gguf_bytes({f"a{n}": struct.pack("<IIQ", ARRAY, ARRAY, 65_000) + struct.pack("<IQ", 4, 0) * 65_000 for n in range(20)}, [])
    ),
    "texts without end.gguf": texts_without_end,
    "keys without end.gguf": keys_without_end,
    "a hole of a terabyte.gguf": lambda path: sparse(path, b"GGUF" + struct.pack("<IQQ", 3, 200_000, 60_000), 2**40),
    "texts of nothing.gguf": lambda path: sparse(path, gguf_bytes({"a": struct.pack("<IIQ", ARRAY, STRING, 3_900_000)}, []), 200 * MEGA),
    "weights beyond counting.gguf": lambda path: path.write_bytes(gguf_bytes({}, [tensor("t", (2**63,) * 8, 77)])),
    "a million pairs.safetensors": lambda path: safetensors(
        path, b"{" + b",".join(b'"%d":0' % number for number in range(1_400_000)) + b"}"
    ),
    "a million numbers.safetensors": lambda path: safetensors(path, b'{"a":[' + b",".join([b"1"] * 7_000_000) + b"]}"),
    "lists in lists.safetensors": lambda path: safetensors(path, b'{"a":' + b"[" * MEGA),
    "a number without end.safetensors": lambda path: safetensors(
        path, b'{"a":{"dtype":"U8","shape":[1' + b"0" * 100_000 + b'],"data_offsets":[0,1]}}'
    ),
}


HARMLESS = {"a hole of a terabyte.gguf", "texts of nothing.gguf"}
"""Lawful, if useless: they are read, and that takes no memory and little time."""


def read(folder, *, seed=1, rounds=0):
    (folder / "whole").mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("hostile_reader.py")), str(folder), str(seed), str(rounds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_a_bomb_gets_an_error_within_64_megabytes_and_seconds(tmp_path):
    for name, write in BOMBS.items():
        write(tmp_path / name)
    answer = read(tmp_path)

    assert {name for name, told in answer["told"].items() if not told} == HARMLESS


def test_a_directory_whose_index_is_a_bomb_is_refused(tmp_path):
    model = tmp_path / "model"
    write_safetensors(model / "model.safetensors", {"a": (4, 4)})
    pairs = b",".join(b'"w%d":"model.safetensors"' % number for number in range(500_000))
    (model / "model.safetensors.index.json").write_bytes(b'{"weight_map":{' + pairs + b"}}")

    assert "names 0 files" in read(tmp_path)["told"]["model"]


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_headers_are_errors_of_ours_or_harmless(seed, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    write_transformer(whole / "real.gguf")
    with (whole / "real.gguf").open("r+b") as file:
        file.truncate(40_000)
    write_gguf(whole / "small.gguf", {"general.name": "m", "tokens": ["a", "bc"] * 20, "n": 3}, {"t": (2, 2), "u": (64,)})
    write_safetensors(whole / "small.safetensors", {"a": (4, 4), "b": (8,)}, {"license": "mit"})
    answer = read(tmp_path, seed=seed, rounds=250)

    assert 250 < answer["refused"] <= 750
