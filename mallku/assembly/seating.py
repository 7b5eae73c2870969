"""Who speaks for a seat: from a line of text to a participant."""

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mallku.dialogue.participant import Participant
from mallku.dialogue.prompt import Deadlines, GenerationSettings
from mallku.errors import ConfigurationError

if TYPE_CHECKING:
    from mallku.assembly.config import SeatEntry
    from mallku.engine import EnginePool
    from mallku.firecircle.adapters.human import Ask

HUMAN: Final = "human"
"""The specification of a person at this terminal."""

TINY: Final = "tiny"
"""The specification of the bundled rehearsal model."""

_PYTHON: Final = "python:"
_ADAPTER_FIELDS: Final = ("proxy", "context_length", "gpu_layers", "threads", "max_memory_gb")
_GENERATION_FIELDS: Final = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "repeat_penalty", "reasoning")


def seat_participant(
    spec: str,
    *,
    ask: "Ask | None" = None,
    engines: "EnginePool | None" = None,
    allow_remote: bool = False,
    entry: "SeatEntry | None" = None,
    trusted: bool = True,
) -> Participant:
    """Return the participant that `spec` describes; nothing is dialled or loaded yet.

    Args:
        spec: `http://HOST:PORT/v1#MODEL`, `SERVER:MODEL`, `gguf:PATH`, `tiny`, `human`, or `python:MODULE:NAME`, a function of no
            arguments that returns a participant.
        ask: Asks the person, for `human`.
        engines: Where seats that name the same GGUF share one engine.
        allow_remote: Whether it may speak from a public address.
        entry: The seat's further settings, or None.
        trusted: Whether the person who runs the circle wrote the spec; one from a record loads no Python.
    """
    text = spec.strip()
    if text == HUMAN:
        return _person(ask, entry)
    if text.startswith(_PYTHON):
        return _from_python(text, trusted=trusted)
    from mallku.firecircle.adapters.spec import participant_from_spec

    fields: dict[str, Any] = {} if entry is None else {name: getattr(entry, name) for name in _ADAPTER_FIELDS}
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    if entry is not None and entry.api_key_env:
        given["api_key"] = _key(entry.name, entry.api_key_env)
    elif entry is not None and entry.api_key_file:
        given["api_key_file"] = Path(entry.api_key_file).expanduser()
    tiny = _rehearsal_model() if text == TINY else None
    remote = allow_remote or bool(entry and entry.allow_remote)
    return participant_from_spec(text, tiny=tiny, engines=engines, allow_remote=remote, **given)


def generation_settings(entry: "SeatEntry") -> GenerationSettings:
    """Return how the seat's answers are generated, where its entry says."""
    given = {name: getattr(entry, name) for name in _GENERATION_FIELDS if getattr(entry, name) is not None}
    if entry.deadline_s is not None:
        given["deadlines"] = Deadlines(
            total=entry.deadline_s, first_token=min(entry.deadline_s, Deadlines().first_token or entry.deadline_s)
        )
    return GenerationSettings(**given)


def _person(ask: "Ask | None", entry: "SeatEntry | None") -> Participant:
    if ask is None:
        raise ConfigurationError("A seat is `human`, and nobody can be asked here.", hint="Run it at a terminal, or seat a model.")
    from mallku.firecircle.adapters.human import HumanParticipant

    return HumanParticipant(ask, deadline_s=entry.deadline_s if entry else None)


def _from_python(spec: str, *, trusted: bool) -> Participant:
    module, _, name = spec.removeprefix(_PYTHON).partition(":")
    hint = "Write `python:MODULE:NAME`, where NAME is a function of no arguments that returns a participant."
    if not trusted:
        raise ConfigurationError(
            f"The record seats {spec!r}, and a record may not load Python.", hint="Name the seat with `--seat NAME=…`."
        )
    # `python -m` puts the working directory on the path, an installed command does not
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        made: object = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"{spec!r} cannot be seated: {error}.", hint=hint) from error
    if not isinstance(made, Participant):
        raise ConfigurationError(f"{spec!r} gave {made!r}, which is no participant.", hint=hint)
    return made


def _rehearsal_model() -> Path:
    from mallku.tiny import rehearsal_model_path

    return rehearsal_model_path()


def _key(seat: str, variable: str) -> str:
    key = os.environ.get(variable, "")
    if not key:
        raise ConfigurationError(
            f"The key of {seat} is to come from {variable!r}, which is not set.", hint=f"Set it: `export {variable}=…`."
        )
    return key
