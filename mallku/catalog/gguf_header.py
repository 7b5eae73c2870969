"""The header of a GGUF file, read with bounded time and memory whatever the file claims.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Long arrays, such as the vocabulary, are walked over and not kept.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from mallku.catalog.gguf_numbers import TENSOR_TYPES
from mallku.errors import ModelFileInvalid, ModelFileMissing

MAX_HEADER_BYTES: Final = 256 * 1024 * 1024
"""No header is larger; vocabularies of half a million entries take about 30 MB."""

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_WINDOW: Final = 256 * 1024
_MOST_ENTRIES: Final = 65_536
_MOST_TENSORS: Final = 262_144
_MOST_STRINGS: Final = 4_000_000
_LONGEST_NAME: Final = 65_535
_LONGEST_TEXT: Final = 16 * 1024 * 1024
_LONGEST_KEPT: Final = 65_536
_MOST_KEPT: Final = 4 * 1024 * 1024
_MOST_NESTED: Final = 65_536
_MOST_WEIGHTS: Final = 1 << 63
_MOST_DIMENSIONS: Final = 8
_DEEPEST: Final = 4
_SHORT: Final = 256
_ZEROS: Final = bytes(7)

_STRING: Final = 8
_ARRAY: Final = 9
_SCALARS: Final[Mapping[int, str]] = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufHeader:
    """What a GGUF file says of itself."""

    metadata: Mapping[str, Scalar]
    """Values by key; arrays are left out."""
    array_lengths: Mapping[str, int]
    """Entries of each array, by key."""
    tensor_count: int
    """Tensors in this file."""
    parameters: int
    """Weights in this file."""
    weights_by_type: Mapping[str, int]
    """Weights of each tensor type."""
    size_bytes: int
    """Size of the file."""


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the header of `path`.

    Raises:
        ModelFileMissing: There is no such file.
        ModelFileInvalid: It is truncated, no GGUF file, or claims what cannot be.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            return _read(_Cursor(file, size, path), size)
    except FileNotFoundError as error:
        raise ModelFileMissing(f"There is no file {str(path)!r}.", hint="Check the path; `mallku models` lists what is here.") from error
    except OSError as error:
        raise ModelFileInvalid(f"{str(path)!r} cannot be read: {error.strerror}.", hint="Check the path and your rights.") from error


class _Cursor:
    """Walks over a file through a small window; never believes a length it has not checked against the file's size."""

    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        self._file = file
        self._path = path
        self._end = min(size, MAX_HEADER_BYTES)
        self._size = size
        self._window = b""
        self._start = 0
        self._at = 0
        self.strings_walked = 0
        self.nested_walked = 0
        self._kept = 0

    @property
    def position(self) -> int:
        return self._start + self._at

    def invalid(self, what: str) -> ModelFileInvalid:
        return ModelFileInvalid(f"{str(self._path)!r} is no usable GGUF file: {what}.", hint="Get the file again; it may be incomplete.")

    def take(self, count: int) -> bytes:
        self._demand(count)
        if self._at + count > len(self._window):
            self._refill(max(count, _WINDOW))
        piece = self._window[self._at : self._at + count]
        if len(piece) < count:
            raise self.invalid("it ends in the middle of its header")
        self._at += count
        return piece

    def skip(self, count: int) -> None:
        self._demand(count)
        if self._at + count <= len(self._window):
            self._at += count
            return
        self._start, self._at, self._window = self.position + count, 0, b""
        self._file.seek(self._start)

    def number(self, code: str) -> int:
        value: int = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]
        return value

    def text(self, longest: int) -> str:
        """Return a text of at most `longest` bytes; of a long one, the beginning is kept and the rest walked over."""
        length = self.number("Q")
        if length > longest:
            raise self.invalid(f"a text of {length} bytes stands where at most {longest} can be")
        kept = min(length, _LONGEST_KEPT)
        self._kept += kept
        if self._kept > _MOST_KEPT:
            raise self.invalid(f"it has more than {_MOST_KEPT} bytes of text outside its arrays")
        words = self.take(kept).decode("utf-8", errors="replace")
        if kept < length:
            self.skip(length - kept)
        return words

    def skip_strings(self, count: int) -> None:
        """Walk over `count` texts; a vocabulary of 200,000 must take milliseconds."""
        self.strings_walked += count
        if self.strings_walked > _MOST_STRINGS or count * 8 > self._end - self.position:
            raise self.invalid(f"it claims an array of {count} texts")
        while count:
            window, at, limit = self._window, self._at, len(self._window) - _SHORT - 8
            while count and at < limit and window[at + 1 : at + 8] == _ZEROS:
                at += 8 + window[at]
                count -= 1
            self._at = at
            if count:
                self.skip(self.number("Q"))
                count -= 1

    def _demand(self, count: int) -> None:
        if count > self._end - self.position:
            over = self._end < self._size
            raise self.invalid(f"its header is larger than {MAX_HEADER_BYTES} bytes" if over else "it ends in the middle of its header")

    def _refill(self, count: int) -> None:
        rest = self._window[self._at :]
        self._start, self._at = self.position, 0
        self._window = rest + self._file.read(count - len(rest))


def _read(cursor: _Cursor, size: int) -> GgufHeader:
    if size < len(_MAGIC) or cursor.take(4) != _MAGIC:
        raise cursor.invalid("it does not begin with the letters GGUF")
    version = cursor.number("I")
    if version not in _VERSIONS:
        raise cursor.invalid(f"it has version {version & 0xFFFF} and this reader knows {' and '.join(map(str, _VERSIONS))}")
    tensors, entries = cursor.number("Q"), cursor.number("Q")
    if tensors > _MOST_TENSORS or entries > _MOST_ENTRIES:
        raise cursor.invalid(f"it claims {tensors} tensors and {entries} entries of metadata")
    metadata: dict[str, Scalar] = {}
    lengths: dict[str, int] = {}
    for _ in range(entries):
        key, kind = cursor.text(_LONGEST_NAME), cursor.number("I")
        if kind == _ARRAY:
            lengths[key] = _skip_array(cursor, depth=1)
        else:
            metadata[key] = _value(cursor, kind)
    weights = _weights(cursor, tensors, metadata, size)
    return GgufHeader(
        metadata=metadata,
        array_lengths=lengths,
        tensor_count=tensors,
        parameters=sum(weights.values()),
        weights_by_type=weights,
        size_bytes=size,
    )


def _value(cursor: _Cursor, kind: int) -> Scalar:
    if kind == _STRING:
        return cursor.text(_LONGEST_TEXT)
    code = _SCALARS.get(kind)
    if code is None:
        raise cursor.invalid(f"it has a value of the unknown type {kind}")
    value: Scalar = struct.unpack(f"<{code}", cursor.take(struct.calcsize(f"<{code}")))[0]
    return value


def _skip_array(cursor: _Cursor, *, depth: int) -> int:
    kind, count = cursor.number("I"), cursor.number("Q")
    if kind == _STRING:
        cursor.skip_strings(count)
    elif kind == _ARRAY:
        cursor.nested_walked += count
        if depth >= _DEEPEST or cursor.nested_walked > _MOST_NESTED:
            raise cursor.invalid("it nests too many arrays, or too deeply")
        for _ in range(count):
            _skip_array(cursor, depth=depth + 1)
    elif kind in _SCALARS:
        cursor.skip(count * struct.calcsize(f"<{_SCALARS[kind]}"))
    else:
        raise cursor.invalid(f"it has an array of the unknown type {kind}")
    return count


def _weights(cursor: _Cursor, tensors: int, metadata: Mapping[str, Scalar], size: int) -> dict[str, int]:
    """Walk over the tensors' descriptions, check that their data lies within the file, and count weights by type."""
    weights: dict[str, int] = {}
    ends = 0
    for _ in range(tensors):
        cursor.skip(_checked(cursor, cursor.number("Q"), _LONGEST_NAME, "tensor's name"))
        dimensions = _checked(cursor, cursor.number("I"), _MOST_DIMENSIONS, "number of dimensions")
        count = 1
        for extent in struct.unpack(f"<{dimensions}Q", cursor.take(8 * dimensions)):
            count *= extent
        if count > _MOST_WEIGHTS:
            raise cursor.invalid(f"a tensor has {dimensions} dimensions whose product cannot be")
        kind, offset = struct.unpack("<IQ", cursor.take(12))
        name, block, block_bytes = TENSOR_TYPES.get(kind, ("unknown", 1, 0))
        weights[name] = weights.get(name, 0) + count
        ends = max(ends, offset + -(-count // block) * block_bytes)
    alignment = metadata.get("general.alignment", 32)
    alignment = alignment if isinstance(alignment, int) and alignment > 0 else 32
    begins = -(-cursor.position // alignment) * alignment
    if tensors and begins + ends > size:
        raise cursor.invalid(f"its tensors would end at byte {begins + ends}, and it has {size} bytes")
    return weights


def _checked(cursor: _Cursor, value: int, most: int, what: str) -> int:
    if value > most:
        raise cursor.invalid(f"a {what} is {value}")
    return value
