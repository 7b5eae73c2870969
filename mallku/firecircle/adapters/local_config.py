"""The settings of a local participant, as the user writes them."""

import difflib
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, SecretStr, ValidationError, model_validator

from mallku.dialogue.prompt import GenerationSettings
from mallku.errors import ConfigurationError

_ENVIRONMENT: Final[Mapping[str, str]] = {
    "base_url": "LOCAL_MODEL_BASE_URL",
    "model_name": "LOCAL_MODEL_NAME",
    "api_key": "LOCAL_API_KEY",
    "api_key_file": "LOCAL_API_KEY_FILE",
}
_PREFIX: Final = "MALLKU_LOCAL_"


class LocalBackend(StrEnum):
    """What makes the words."""

    OPENAI_COMPAT = "openai_compat"
    """A server with OpenAI's chat completions protocol: LM Studio, vLLM, LocalAI, llama.cpp's server and many more."""
    OLLAMA = "ollama"
    """An Ollama server."""
    LLAMACPP = "llamacpp"
    """A GGUF file, in this process."""


class LocalAdapterConfig(BaseModel):
    """How a local participant is reached or loaded, and how it generates.

    What is not given is looked up in the environment, then in `.env` of the working directory: `LOCAL_MODEL_BASE_URL`, `LOCAL_MODEL_NAME`,
    `LOCAL_API_KEY`, `LOCAL_API_KEY_FILE`, and `MALLKU_LOCAL_` with the name of any field. Unknown names and wrong values raise
    `ConfigurationError`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, protected_namespaces=())

    backend: LocalBackend = LocalBackend.OPENAI_COMPAT
    """What makes the words."""
    base_url: str | None = None
    """Address of the server, with or without `/v1`. None: `http://127.0.0.1:8080`, for Ollama port 11434."""
    model_name: str | None = None
    """The model to ask for. None: the only one the server lists."""
    api_key: SecretStr | None = None
    """Key to present to the server. None: none; keys of other services in the environment are never used."""
    api_key_file: Path | None = None
    """A file with the key, or with a ring of keys by address; an `api_key` goes before it."""
    proxy: str = ""
    """`http://HOST:PORT` of a proxy to reach an address outside, with `allow_remote` only. Local ones are dialled directly."""
    allow_remote: bool = False
    """Whether words may leave this machine and the local network."""

    model_path: Path | None = None
    """The GGUF file of the in-process backend."""
    gpu_layers: int = Field(default=-1, ge=-1)
    """Layers kept on the GPU; -1 is all. In process only."""
    use_gpu: bool = True
    """Whether a GPU is used at all. In process only."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of one decode step. None: the engine's choice. In process only."""
    context_length: int = Field(default=4096, ge=64)
    """Tokens of the context window. In process it is allocated; of a server's window, if given, at most this much is used."""
    max_memory_gb: float = Field(default=8.0, gt=0)
    """A GGUF whose weights and memory would take more is refused before it is loaded. In process only."""

    temperature: float | None = Field(default=None, ge=0)
    """Randomness of sampling; 0 is greedy."""
    max_tokens: int = Field(default=512, ge=1)
    """Most tokens of an answer, where the circle does not set a limit; unless you set it, fewer where the window leaves less room."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Nucleus sampling."""
    top_k: int | None = Field(default=None, ge=0)
    """Keep only this many of the likeliest tokens. Sent to servers known to take it."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Drop tokens less likely than this share of the likeliest. Sent to servers known to take it."""
    repeat_penalty: float | None = Field(default=None, gt=0)
    """Penalty on tokens already written. Sent to servers known to take it."""
    seed: int | None = None
    """Seed of the sampler, where the circle does not set one."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer, besides the circle's own."""

    consciousness_weight: float = Field(default=1.0, ge=0)
    """Weight of this seat's pattern scores in the circle's aggregate."""
    track_reciprocity: bool = True
    """Whether this seat's statements are scored for reciprocity."""
    emit_events: bool = True
    """Whether the answer is told on the bus piece by piece; otherwise it comes whole."""

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(values, Mapping):
            _refuse_unknown(values, tuple(cls.model_fields))
            given = {name: value for name, value in values.items() if value is not None}
            found = _from_environment(tuple(cls.model_fields))
            if "api_key_file" in given:
                # a file that is named goes before a key that happens to be in the environment
                found.pop("api_key", None)
            values = {**found, **given}
        try:
            return handler(values)
        except ValidationError as error:
            raise _configuration_error(error) from None

    @property
    def defaults(self) -> GenerationSettings:
        """How answers are generated where the circle says nothing."""
        return GenerationSettings(
            max_tokens=self.max_tokens if "max_tokens" in self.model_fields_set else None,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repeat_penalty=self.repeat_penalty,
            seed=self.seed,
            stop=self.stop,
        )


def _refuse_unknown(values: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f"Did you mean `{close[0]}`?" if close else f"Known are {', '.join(known)}."
            raise ConfigurationError(f"There is no setting {name!r}.", hint=hint)


def _from_environment(known: tuple[str, ...]) -> dict[str, str]:
    sources: list[Mapping[str, str | None]] = [os.environ]
    if Path(".env").is_file():
        from dotenv import dotenv_values

        sources.append(dotenv_values(".env"))
    found = {}
    for field in known:
        for source in sources:
            value = source.get(f"{_PREFIX}{field.upper()}") or source.get(_ENVIRONMENT.get(field, ""))
            if value:
                found[field] = value
                break
    return found


def _configuration_error(error: ValidationError) -> ConfigurationError:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "settings"
    others = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return ConfigurationError(f"The setting `{place}` is wrong: {first['msg']}{others}.", hint="Correct it where it is given.")
