"""What may stand in `circle.toml`: read, checked line by line, and described as a JSON Schema for editors."""

import dataclasses
import difflib
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mallku.assembly.toml_lines import Place, line_at, lines_of
from mallku.dialogue.prompt import ReasoningEffort
from mallku.errors import ConfigurationError
from mallku.firecircle.decisions.rules import decision_rule
from mallku.firecircle.endings import ending_condition
from mallku.firecircle.plan import Plan
from mallku.firecircle.plan_check import check_plan
from mallku.firecircle.turn_orders import turn_order

FILE_NAME: Final = "circle.toml"
"""Name under which a circle is looked for in the working directory."""

_CHECKED: Final = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True, protected_namespaces=())
_UNKNOWN: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


class SeatEntry(BaseModel):
    """One seat of the circle: who it is, and what speaks for it."""

    model_config = _CHECKED

    name: str = Field(min_length=1)
    """Name by which the others call this seat."""
    role: str = ""
    """Role in a few words, such as `a librarian`."""
    instructions: str = ""
    """How this seat looks at things, in a sentence or two."""
    model: str = ""
    """What speaks for it: `http://HOST:PORT/v1#MODEL`, `ollama:MODEL`, `gguf:PATH`, `tiny` or `human`. Empty: the circle's `model`."""
    substitutes: tuple[str, ...] = ()
    """What takes the seat if its model fails, in order, under the plan's `substitute` strategy."""
    weight: float = Field(default=1.0, ge=0)
    """Weight of its ballot."""
    allow_remote: bool = False
    """Whether this seat may speak from a public address."""
    api_key_env: str = Field(default="", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$|^$")
    """Name of the environment variable that holds the key of its server. The key itself never stands in this file."""
    api_key_file: str = ""
    """A file that holds the key of its server, or a ring of keys by address."""
    proxy: str = ""
    """`http://HOST:PORT` of a proxy through which an address outside is reached; only with `allow_remote`."""
    context_length: int | None = Field(default=None, ge=64)
    """Tokens of its context window."""
    gpu_layers: int | None = Field(default=None, ge=-1)
    """Layers of a GGUF kept on the GPU; -1 is all."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of a GGUF's engine."""
    max_memory_gb: float | None = Field(default=None, gt=0)
    """A GGUF that would take more memory is refused before it is loaded."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of an answer, private reasoning included."""
    temperature: float | None = Field(default=None, ge=0)
    """Randomness of sampling; 0 is greedy."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Nucleus sampling: keep the smallest set of tokens with this probability."""
    top_k: int | None = Field(default=None, ge=0)
    """Keep only this many of the likeliest tokens; 0 keeps all."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Drop tokens less likely than this share of the likeliest one."""
    repeat_penalty: float | None = Field(default=None, gt=0)
    """Penalty on tokens already in the recent text; 1 is none."""
    reasoning: ReasoningEffort | None = None
    """How much private reasoning to ask for, of a model that can be told."""
    deadline_s: float | None = Field(default=None, gt=0)
    """Seconds one answer may take in all."""


class CircleFile(BaseModel):
    """A circle as written down: seats, plan, and what they need to speak."""

    model_config = _CHECKED

    question: str = ""
    """The question, where the command line gives none."""
    context: str = ""
    """Background that every seat reads."""
    options: tuple[str, ...] = ()
    """What to vote on; without any, the statements of the last round are voted on."""
    template: str = ""
    """Name of a template whose plan, and whose seats where none stand here, are used."""
    model: str = ""
    """What speaks for every seat that names no model of its own."""
    judge: str = ""
    """What reads some statements a second time and may move their scores a little, written like `model`; nobody if empty."""
    embed: str = ""
    """Path of a GGUF that turns texts into vectors, for the third tier of the detectors; none if empty."""
    seed: int | None = Field(default=None, ge=0)
    """Seed of all orders, shuffles, ties and samplers; drawn and recorded if none is given."""
    journal: str = ""
    """Where the record goes: a path or `postgresql://` address; the user's own journal if empty."""
    allow_remote: bool = False
    """Whether seats may speak from public addresses."""
    seats: tuple[SeatEntry, ...] = ()
    """Who sits in the circle."""
    plan: Plan | None = None
    """The procedure; the default plan if there is none."""


def read_circle_file(path: Path) -> CircleFile:
    """Read and check a circle file; a `ConfigurationError` names the line and what was probably meant."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file {str(path)!r}.", hint="Write one with `mallku init`.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error}.", hint="Give a text file in UTF-8.") from error
    return parse_circle(text, name=str(path))


def parse_circle(text: str, *, name: str = FILE_NAME) -> CircleFile:
    """Check the text of a circle file that is called `name` in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{name} is not TOML: {error}.", hint="Mend that line; the form is described at https://toml.io."
        ) from None
    lines = lines_of(text)
    try:
        circle = CircleFile.model_validate(data)
    except ValidationError as error:
        raise _in_our_words(error, name, lines) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}{_line(lines, ('plan',))}: {error.message}", hint=error.hint) from None
    _check_whole(circle, name, lines)
    return circle


def circle_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of `circle.toml`, with every setting's description."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **CircleFile.model_json_schema()}


def _check_whole(circle: CircleFile, name: str, lines: Mapping[Place, int]) -> None:
    """Check what one setting alone cannot tell."""
    if circle.plan and circle.template:
        raise ConfigurationError(
            f"{name}{_line(lines, ('template',))}: there is both a `template` and a `[plan]`.",
            hint=f"Keep one; `mallku init {circle.template}` writes a template's plan into a file.",
        )
    seen: set[str] = set()
    for index, seat in enumerate(circle.seats):
        if seat.name in seen:
            told = f"{name}{_line(lines, ('seats', index, 'name'))}: there is already a seat {seat.name!r}."
            raise ConfigurationError(told, hint="Give every seat a name of its own.")
        seen.add(seat.name)
    for place, check in _checks(circle):
        try:
            check()
        except ConfigurationError as error:
            raise ConfigurationError(f"{name}{_line(lines, place)}: {error.message}", hint=error.hint) from None


def _checks(circle: CircleFile) -> Iterator[tuple[Place, Callable[[], object]]]:
    """Yield what must hold in the plan, each with the place to point at; the plan as a whole comes last."""
    plan = circle.plan
    if plan is None:
        return
    if plan.decision.rule != "none":
        yield ("plan", "decision", "rule"), lambda: decision_rule(plan.decision.rule)
        yield ("plan", "decision", "selection_rule"), lambda: decision_rule(plan.decision.selection_rule)
    for index, text in enumerate(plan.endings):
        yield ("plan", "endings", index), partial(ending_condition, text)
    for index, planned in enumerate(plan.rounds):
        yield ("plan", "rounds", index, "order"), partial(turn_order, planned.order)
    if circle.seats:
        yield ("plan",), lambda: check_plan(plan, [seat.name for seat in circle.seats])


def _line(lines: Mapping[Place, int], place: Place) -> str:
    found = line_at(lines, place)
    return f", line {found}" if found else ""


def _in_our_words(error: ValidationError, name: str, lines: Mapping[Place, int]) -> ConfigurationError:
    entries = error.errors(include_url=False)
    first = min(entries, key=lambda entry: line_at(lines, entry["loc"]) or 0)
    place: Place = first["loc"]
    more = f" ({len(entries) - 1} more such faults follow.)" if len(entries) > 1 else ""
    where, inside = f"{name}{_line(lines, place)}", _shown(place[:-1])
    if first["type"] in _UNKNOWN:
        known = _settings_at(place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(f'`{key}`' for key in known)}."
        return ConfigurationError(f"{where}: unknown setting {str(place[-1])!r}{f' in {inside}' if inside else ''}.{more}", hint=hint)
    if first["type"] in {"missing", "missing_keyword_only_argument", "missing_argument"}:
        return ConfigurationError(f"{where}: {inside or 'the file'} lacks `{place[-1]}`.{more}", hint="Add it.")
    shown = "" if isinstance(first["input"], dict | list) else f" is {first['input']!r}"
    wanted = re.sub(r"^Input should be", "It should be", first["msg"])
    near = difflib.get_close_matches(str(first["input"]), re.findall(r"'([^']+)'", str(first.get("ctx", {}).get("expected", ""))), n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return ConfigurationError(f"{where}: `{_shown(place)}`{shown or ' is wrong'}.{more}", hint=f"{wanted}.{meant}")


def _shown(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def _settings_at(place: Place) -> list[str]:
    """Return the names of the settings that may stand at `place`."""
    kind: Any = CircleFile
    for part in place:
        kind = _item_type(kind) if isinstance(part, int) else _held_type(_hints(kind).get(part))
    return sorted(_hints(kind))


def _hints(kind: Any) -> dict[str, Any]:
    if isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)):
        hints = typing.get_type_hints(kind)
        names = kind.model_fields if issubclass(kind, BaseModel) else {entry.name for entry in dataclasses.fields(kind)}
        return {name: hints[name] for name in names}
    return {}


def _held_type(hint: Any) -> Any:
    """Return the type inside `X | None`."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        return next(choice for choice in typing.get_args(hint) if choice is not types.NoneType)
    return hint


def _item_type(hint: Any) -> Any:
    arguments = typing.get_args(_held_type(hint))
    return _held_type(arguments[0]) if arguments else None
