"""From a JSON Schema to a grammar in llama.cpp's GBNF. Pure.

Properties come in the schema's order, so that a ballot's reason stands before its choice. Kept are: type, properties, required, items,
minItems, maxItems, minLength, maxLength, enum, const, anyOf, oneOf, `$ref` within the schema, and the bounds of integers. What a grammar
cannot hold (bounds of other numbers, formats) is left to validation; `pattern`, `allOf` and `not` are refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mallku.dialogue.prompt import JsonSchema
from mallku.errors import RequestRefused

_COMMON: Final = {
    "ws": '" "?',
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" ["\\/bfnrt]',
    "value": 'string | number | object | array | "true" | "false" | "null"',
    "string": r'"\"" char* "\""',
    "integer": '"-"? ("0" | [1-9] [0-9]{0,15})',
    "natural": '"0" | [1-9] [0-9]{0,15}',
    "number": 'integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,3})?',
    "object": '"{" ws (pair ("," ws pair)*)? "}"',
    "pair": 'string ":" ws value',
    "array": '"[" ws (value ("," ws value)*)? "]"',
}
_MOST_LITERALS: Final = 1000
_REFUSED: Final = ("pattern", "allOf", "not", "patternProperties", "prefixItems")


def json_grammar(schema: JsonSchema) -> str:
    """Write a schema as GBNF; raises `RequestRefused` for what a grammar cannot say."""
    rules = _Rules(schema)
    root = rules.expression(schema)
    named = {"root": root, **rules.named, **_COMMON}
    return "\n".join(f"{name} ::= {body}" for name, body in named.items()) + "\n"


class _Rules:
    """The rules of one schema in the making."""

    def __init__(self, root: JsonSchema) -> None:
        self.named: dict[str, str] = {}
        self._root = root
        self._references: dict[str, str] = {}

    def expression(self, schema: Any) -> str:
        """Return what matches a schema, as the right side of a rule."""
        if schema is True or schema == {}:
            return "value"
        if not isinstance(schema, Mapping):
            raise _refusal(f"{schema!r} is not a schema")
        for keyword in _REFUSED:
            if keyword in schema:
                raise _refusal(f"`{keyword}` cannot be put into a grammar")
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "const" in schema:
            return _literals([schema["const"]])
        if "enum" in schema:
            return _literals(schema["enum"])
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._any_of(schema[keyword])
        kind = schema.get("type", "object" if "properties" in schema else None)
        if isinstance(kind, list):
            return self._any_of([{**schema, "type": one} for one in kind])
        return self._typed(kind, schema)

    def _typed(self, kind: Any, schema: Mapping[str, Any]) -> str:
        match kind:
            case None:
                return "value"
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema)
            case "string":
                return _string(schema)
            case "integer":
                return _integer(schema)
            case "number":
                return "number"
            case "boolean":
                return '("true" | "false")'
            case "null":
                return '"null"'
            case _:
                raise _refusal(f"{kind!r} is not a type")

    def _any_of(self, schemas: Sequence[Any]) -> str:
        return "(" + " | ".join(self.expression(schema) for schema in schemas) + ")"

    def _object(self, schema: Mapping[str, Any]) -> str:
        """Match the properties in order: the first one present, then every later one with its comma."""
        properties = schema.get("properties", {})
        if not properties:
            return "object"
        required = set(schema.get("required", ()))
        pairs = [f"{_text(json.dumps(name) + ':')} ws {self._name(self.expression(value))}" for name, value in properties.items()]
        tails = [f'"," ws {pair}' if name in required else f'("," ws {pair})?' for name, pair in zip(properties, pairs, strict=True)]
        beginnings = []
        for index, name in enumerate(properties):
            beginnings.append(" ".join([pairs[index], *tails[index + 1 :]]))
            if name in required:
                break
        may_be_empty = "" if required & set(properties) else "?"
        return self._name(f'"{{" ws ({" | ".join(beginnings)}){may_be_empty} "}}"')

    def _array(self, schema: Mapping[str, Any]) -> str:
        item = self._name(self.expression(schema.get("items", True)))
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if most == 0:
            return '"[]"'
        more = f"{{{max(0, least - 1)},{'' if most is None else most - 1}}}"
        return self._name(f'"[" ws ({item} ("," ws {item}){more}){"" if least else "?"} "]"')

    def _reference(self, reference: str) -> str:
        """Name the rule of a part of the schema; it may refer to itself."""
        if reference not in self._references:
            self._references[reference] = f"ref{len(self._references)}"
            part: Any = self._root
            for key in reference.removeprefix("#").strip("/").split("/"):
                if not reference.startswith("#") or (key and (not isinstance(part, Mapping) or key not in part)):
                    raise _refusal(f"the reference {reference!r} leads nowhere")
                part = part[key] if key else part
            self.named[self._references[reference]] = self.expression(part)
        return self._references[reference]

    def _name(self, body: str) -> str:
        """Give a rule a name of its own, unless it is a name already."""
        if body.isalnum():
            return body
        name = f"rule{len(self.named)}"
        self.named[name] = body
        return name


def _string(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if not least and most is None:
        return "string"
    return rf'"\"" char{{{least},{"" if most is None else most}}} "\""'


def _integer(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    low = schema["exclusiveMinimum"] + 1 if "exclusiveMinimum" in schema else low
    high = schema["exclusiveMaximum"] - 1 if "exclusiveMaximum" in schema else high
    if low is not None and high is not None and 0 <= high - low < _MOST_LITERALS:
        return _literals(range(int(low), int(high) + 1))
    return "natural" if low is not None and low >= 0 else "integer"


def _literals(values: Any) -> str:
    return "(" + " | ".join(_text(json.dumps(value, ensure_ascii=False)) for value in values) + ")"


def _text(literal: str) -> str:
    """Quote text for GBNF."""
    escaped = literal.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _refusal(reason: str) -> RequestRefused:
    return RequestRefused(f"The JSON Schema cannot be kept: {reason}.", hint="Use plain types, enums, arrays and objects.")
