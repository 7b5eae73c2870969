"""The header of a SafeTensors file: a length, then JSON that describes every tensor.

Format: https://huggingface.co/docs/safetensors. Time and memory are bounded whatever the file claims.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from mallku.errors import ModelFileInvalid, ModelFileMissing

MAX_HEADER_BYTES: Final = 16 * 1024 * 1024
"""No header is larger; that of a model with 10,000 tensors takes about 1 MB."""

_MOST_TENSORS: Final = 65_536
_MOST_PAIRS: Final = 5 * _MOST_TENSORS

_BITS: Final[Mapping[str, int]] = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetensorsHeader:
    """What a SafeTensors file says of itself."""

    metadata: Mapping[str, str]
    """Free texts by key."""
    tensor_count: int
    """Tensors in this file."""
    parameters: int
    """Weights in this file."""
    weights_by_type: Mapping[str, int]
    """Weights of each number format."""
    size_bytes: int
    """Size of the file."""


def read_safetensors_header(path: Path) -> SafetensorsHeader:
    """Read the header of `path`.

    Raises:
        ModelFileMissing: There is no such file.
        ModelFileInvalid: It is truncated, no SafeTensors file, or claims what cannot be.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            length = int.from_bytes(file.read(8), "little")
            if size < 8 + 2 or length > min(size - 8, MAX_HEADER_BYTES):
                raise _invalid(path, f"it claims a header of {length} bytes")
            text = file.read(length)
    except FileNotFoundError as error:
        raise ModelFileMissing(f"There is no file {str(path)!r}.", hint="Check the path; `mallku models` lists what is here.") from error
    except OSError as error:
        raise ModelFileInvalid(f"{str(path)!r} cannot be read: {error.strerror}.", hint="Check the path and your rights.") from error
    if text.count(b":") > _MOST_PAIRS or text.count(b",") > _MOST_PAIRS:
        # read, the pairs would take many times the bytes they stand in
        raise _invalid(path, f"its header lists more than {_MOST_TENSORS} tensors")
    try:
        header = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _invalid(path, "its header is no table of tensors")
    return _counted(path, header, size - 8 - length, size)


def _counted(path: Path, header: dict[str, Any], data_bytes: int, size: int) -> SafetensorsHeader:
    metadata = header.pop("__metadata__", {})
    weights: dict[str, int] = {}
    spans = []
    for name, tensor in header.items():
        match tensor:
            case {"dtype": str() as kind, "shape": list() as shape, "data_offsets": [int() as start, int() as end]}:
                count = _product(path, name, shape)
            case _:
                raise _invalid(path, f"the tensor {name[:60]!r} is not described")
        if not 0 <= start <= end <= data_bytes:
            raise _invalid(path, f"the tensor {name[:60]!r} lies outside the file")
        bits = _BITS.get(kind)
        if bits is not None and (count * bits + 7) // 8 != end - start:
            raise _invalid(path, f"the tensor {name[:60]!r} has {end - start} bytes and should have {(count * bits + 7) // 8}")
        spans.append((start, end))
        weights[kind] = weights.get(kind, 0) + count
    spans.sort()
    if any(after[0] < before[1] for before, after in pairwise(spans)):
        raise _invalid(path, "its tensors overlap")
    return SafetensorsHeader(
        metadata={str(key): str(value)[:1000] for key, value in metadata.items()} if isinstance(metadata, dict) else {},
        tensor_count=len(header),
        parameters=sum(weights.values()),
        weights_by_type=weights,
        size_bytes=size,
    )


def _product(path: Path, name: str, shape: list[Any]) -> int:
    count = 1
    for extent in shape:
        if not isinstance(extent, int) or isinstance(extent, bool) or extent < 0:
            raise _invalid(path, f"the tensor {name[:60]!r} has the shape {str(shape)[:60]}")
        count *= extent
        if count > 1 << 63:
            raise _invalid(path, f"the tensor {name[:60]!r} has the shape {str(shape)[:60]}")
    return count


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        msg = "a name stands twice"
        raise ValueError(msg)
    return made


def _invalid(path: Path, what: str) -> ModelFileInvalid:
    return ModelFileInvalid(f"{str(path)!r} is no usable SafeTensors file: {what}.", hint="Get the file again; it may be incomplete.")
