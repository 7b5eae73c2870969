"""A plan as plain data and back: what stands in a TOML file and in the record."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from mallku.errors import ConfigurationError
from mallku.firecircle.plan import Plan


def plan_to_data(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data, without what is at its default."""
    data: dict[str, Any] = _without_defaults(plan)
    return data


def plan_from_data(data: Mapping[str, Any]) -> Plan:
    """Build a plan from plain data; unknown keys and wrong types are refused with the place where they stand."""
    plan: Plan = build(Plan, data, "plan")
    return plan


def _without_defaults(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        kept = {}
        for entry in dataclasses.fields(value):
            held = getattr(value, entry.name)
            default = entry.default_factory() if entry.default_factory is not dataclasses.MISSING else entry.default
            if held != default:
                kept[entry.name] = _without_defaults(held)
        return kept
    if isinstance(value, tuple):
        return [_without_defaults(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def build(cls: type[Any], data: object, place: str) -> Any:
    """Build a dataclass from plain data, checking every key and type; errors name `place`."""
    if not isinstance(data, Mapping):
        raise ConfigurationError(f"`{place}` is {data!r}.", hint="It must be a table of settings.")
    hints = typing.get_type_hints(cls)
    for key in data:
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            meant = f"Did you mean `{near[0]}`?" if near else f"Known settings: {', '.join(sorted(hints))}."
            raise ConfigurationError(f"`{place}` has an unknown setting {key!r}.", hint=meant)
    for entry in dataclasses.fields(cls):
        required = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        if required and entry.name not in data:
            raise ConfigurationError(f"`{place}` lacks `{entry.name}`.", hint="Add it.")
    return cls(**{key: _convert(hints[key], value, f"{place}.{key}") for key, value in data.items()})


def _convert(hint: Any, value: object, place: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type[Any]", hint), value, place)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigurationError(f"`{place}` is {value!r}.", hint="It must be a list.")
        return tuple(_convert(arguments[0], item, f"{place}[{index}]") for index, item in enumerate(value))
    if origin is typing.Literal:
        return _one_of(arguments, value, place)
    if origin in {typing.Union, types.UnionType}:
        held = next(choice for choice in arguments if choice is not types.NoneType)
        return None if value is None else _convert(held, value, place)
    wanted = origin or hint
    accepted: tuple[type, ...] = (int, float) if wanted is float else (wanted,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigurationError(f"`{place}` is {value!r}.", hint=f"It must be of type {getattr(wanted, '__name__', wanted)}.")
    return float(value) if wanted is float and isinstance(value, int) else value


def _one_of(choices: tuple[Any, ...], value: object, place: str) -> object:
    if value in choices:
        return value
    near = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ConfigurationError(f"`{place}` is {value!r}.", hint=f"It must be one of {', '.join(map(repr, choices))}.{meant}")
