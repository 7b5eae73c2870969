"""Writes headers of model files, right ones and wrong ones, without any weights behind them."""

import json
import struct
from pathlib import Path

STRING, ARRAY, UINT32 = 8, 9, 4


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def entry(key: str, value: object) -> bytes:
    """One entry of metadata: a text, a number, or a list of texts."""
    if isinstance(value, str):
        return text(key) + struct.pack("<I", STRING) + text(value)
    if isinstance(value, list):
        return text(key) + struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(text, value))
    if isinstance(value, bytes):
        return text(key) + value
    return text(key) + struct.pack("<II", UINT32, value)


def tensor(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf_bytes(metadata: dict[str, object], tensors: list[bytes], *, tensor_count: int | None = None, entries: int | None = None) -> bytes:
    counts = (len(tensors) if tensor_count is None else tensor_count, len(metadata) if entries is None else entries)
    body = b"".join(entry(key, value) for key, value in metadata.items()) + b"".join(tensors)
    return b"GGUF" + struct.pack("<IQQ", 3, *counts) + body


def write_gguf(path: Path, metadata: dict[str, object], shapes: dict[str, tuple[int, ...]]) -> Path:
    """A GGUF of F32 tensors full of holes: its size is right and takes no room on disk."""
    tensors, offset = [], 0
    for name, shape in shapes.items():
        tensors.append(tensor(name, shape, 0, offset))
        count = 1
        for extent in shape:
            count *= extent
        offset += -(-4 * count // 32) * 32
    head = gguf_bytes({"general.architecture": "llama", **metadata}, tensors)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(-(-len(head) // 32) * 32 + offset)
    return path


def write_big_gguf(path: Path, *, entries: int = 200_000) -> Path:
    """The header of a model of 20 billion weights with 459 tensors and a vocabulary of 200,000 entries."""
    vocabulary = [f"tok{number}" for number in range(entries)]
    count = 20_000_000_000 // 459 // 256 * 256
    size = count // 256 * 144
    tensors = [tensor(f"blk.{number}.weight", (count,), 12, number * size) for number in range(459)]
    metadata = {
        "general.architecture": "llama",
        "general.file_type": 15,
        "general.license": "apache-2.0",
        "llama.context_length": 131072,
        "tokenizer.ggml.tokens": vocabulary,
        "tokenizer.ggml.merges": [f"to {entry}" for entry in vocabulary],
        "tokenizer.ggml.scores": struct.pack("<IIQ", ARRAY, 6, entries) + bytes(4 * entries),
        "tokenizer.chat_template": "{{ messages }}" * 500,
    }
    head = gguf_bytes(metadata, tensors)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(-(-len(head) // 32) * 32 + 459 * size)
    return path


def write_safetensors(path: Path, shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> Path:
    """A SafeTensors file of BF16 tensors full of holes."""
    header, offset = ({"__metadata__": metadata} if metadata else {}), 0
    for name, shape in shapes.items():
        count = 1
        for extent in shape:
            count *= extent
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + 2 * count]}
        offset += 2 * count
    raw = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + offset)
    return path
