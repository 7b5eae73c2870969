"""JSON found in what a model wrote: the last balanced object, and whether it has the shape that was asked for."""

import json
from collections.abc import Mapping
from typing import Any, Final

from mallku.dialogue.prompt import JsonSchema

_LONGEST: Final = 200_000
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def last_object(text: str) -> dict[str, Any] | None:
    """Return the last JSON object that stands in `text` and is not part of another one, or None."""
    decoder = json.JSONDecoder()
    found: dict[str, Any] | None = None
    text = text[-_LONGEST:]
    position = text.find("{")
    while position >= 0:
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position += 1
        else:
            found = value
        position = text.find("{", position)
    return found


def misfit(value: Any, schema: JsonSchema, *, path: str = "answer") -> str:
    """Say in words where `value` departs from `schema`; empty if it does not.

    Knows the part of JSON Schema that ballots use: type, enum, const, required, properties, additionalProperties, items,
    minItems, maxItems, minimum, maximum. Other keywords are not checked.
    """
    if "const" in schema and value != schema["const"]:
        return f"{path} must be {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{path} must be one of {schema['enum']!r}"
    names = schema.get("type")
    allowed = [names] if isinstance(names, str) else list(names or ())
    if allowed and not any(_is(value, name) for name in allowed):
        return f"{path} must be of type {' or '.join(allowed)}"
    if isinstance(value, dict):
        return _object_misfit(value, schema, path)
    if isinstance(value, list):
        return _array_misfit(value, schema, path)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            return f"{path} must be at least {schema['minimum']}"
        if value > schema.get("maximum", value):
            return f"{path} must be at most {schema['maximum']}"
    return ""


def _object_misfit(value: dict[str, Any], schema: JsonSchema, path: str) -> str:
    for name in schema.get("required", ()):
        if name not in value:
            return f"{path}.{name} is missing"
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name, part in value.items():
        inner = known.get(name, others)
        if inner is False:
            return f"{path}.{name} is not asked for"
        if isinstance(inner, Mapping) and (problem := misfit(part, inner, path=f"{path}.{name}")):
            return problem
    return ""


def _array_misfit(value: list[Any], schema: JsonSchema, path: str) -> str:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return f"{path} has {len(value)} entries"
    items = schema.get("items")
    if isinstance(items, Mapping):
        for index, part in enumerate(value):
            if problem := misfit(part, items, path=f"{path}[{index}]"):
                return problem
    return ""


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES.get(name, (object,)))
