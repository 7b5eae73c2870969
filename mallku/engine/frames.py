"""What an engine and its child process say to each other: one JSON object a line."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import mallku.errors
from mallku.errors import MallkuError

Frame = dict[str, Any]
"""One message between parent and child."""

Value = TypeVar("Value")


def to_line(frame: Mapping[str, Any]) -> bytes:
    """Write a frame as one line; dataclasses and paths in it become plain data."""
    return json.dumps(frame, default=_plain, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Frame:
    """Read a frame."""
    frame: Frame = json.loads(line)
    return frame


def build(kind: type[Value], plain: Any) -> Value:
    """Make a dataclass of plain data, following the types of its fields."""
    built: Value = _build(kind, plain)
    return built


def error_frame(error: MallkuError) -> Frame:
    """Write an error as plain data."""
    return {"kind": type(error).__name__, "facts": vars(error)}


def error_from(frame: Frame) -> MallkuError:
    """Make an error of plain data again."""
    kind: type[MallkuError] = getattr(mallku.errors, frame["kind"])
    facts = frame["facts"]
    error = kind(facts["message"], hint=facts["hint"])
    vars(error).update(facts)
    return error


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} cannot be put into a frame")


def _build(kind: Any, plain: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _build(hints[name], value) for name, value in plain.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if plain is None else _build(next(one for one in arguments if one is not type(None)), plain)
    if origin is tuple:
        return tuple(_build(arguments[0], value) for value in plain)
    return Path(plain) if kind is Path else plain
