"""A dialect: how one server wants the chat completions protocol spoken. Starting values per kind; the rest is learnt."""

from dataclasses import dataclass, replace
from typing import Final, Literal

StructuredRung = Literal["json_schema", "json_object+schema", "json_object", "prompt"]
"""Ways to ask for JSON, strongest first; `prompt` only asks for it in words."""

LADDER: Final[tuple[StructuredRung, ...]] = ("json_schema", "json_object+schema", "json_object", "prompt")
"""The rungs in the order in which they are tried."""

ReasoningControl = Literal["none", "effort", "template"]
"""How thinking is turned off: not at all, by `reasoning_effort`, or by `chat_template_kwargs`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a server is asked. Immutable; learning makes a new one."""

    rung: StructuredRung = "json_schema"
    """Strongest way to ask for JSON that has not failed here."""
    streams: bool = True
    """Whether answers are asked for as a stream."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` is sent."""
    folds_system: bool = False
    """Whether the charter is put at the top of the user message, because the chat template has no system role."""
    extras: frozenset[str] = frozenset()
    """Sampling fields beyond the OpenAI protocol that the server is known to take."""
    repeat_name: str = "repeat_penalty"
    """The server's name for the repetition penalty."""
    refused: frozenset[str] = frozenset()
    """Fields the server refused; they are no longer sent."""
    reasoning_control: ReasoningControl = "none"
    """How thinking is turned off."""
    reasoning_opened: bool = False
    """Whether answers begin inside the reasoning, because the chat template opened it in the prompt."""

    def without(self, *fields: str) -> "Dialect":
        """Return this dialect with `fields` no longer sent."""
        return replace(self, refused=self.refused | frozenset(fields))

    def lower_rung(self) -> "Dialect | None":
        """Return this dialect one rung further down the ladder, or None at its foot."""
        index = LADDER.index(self.rung) + 1
        return replace(self, rung=LADDER[index]) if index < len(LADDER) else None


_LLAMA_EXTRAS: Final = frozenset({"top_k", "min_p", "repeat_penalty"})
_VLLM_EXTRAS: Final = frozenset({"top_k", "min_p", "repetition_penalty"})
_LLAMA: Final = Dialect(extras=_LLAMA_EXTRAS, reasoning_control="template")

_DIALECTS: Final[dict[str, Dialect]] = {
    "llama-server": _LLAMA,
    "lm-studio": Dialect(extras=frozenset({"top_k", "repeat_penalty"})),
    "ollama": Dialect(reasoning_control="effort"),
    "docker-model-runner": _LLAMA,
    "vllm": Dialect(extras=_VLLM_EXTRAS, repeat_name="repetition_penalty", reasoning_control="template"),
    "sglang": Dialect(extras=_VLLM_EXTRAS, repeat_name="repetition_penalty", reasoning_control="template"),
    "llama-cpp-python": Dialect(rung="json_object+schema", stream_usage=False, extras=_LLAMA_EXTRAS),
    "text-generation-webui": Dialect(rung="prompt", extras=_VLLM_EXTRAS, repeat_name="repetition_penalty"),
    "localai": Dialect(extras=frozenset({"top_k"})),
    "fastchat": Dialect(rung="prompt", stream_usage=False),
    "mlx-lm": Dialect(rung="prompt", extras=_VLLM_EXTRAS, repeat_name="repetition_penalty"),
    "transformers": Dialect(rung="prompt", stream_usage=False),
    "koboldcpp": Dialect(rung="prompt", extras=frozenset({"top_k", "min_p"})),
    "gpt4all": Dialect(
        rung="prompt",
        streams=False,
        stream_usage=False,
        refused=frozenset({"seed", "stop", "response_format"}),
    ),
    "lemonade": _LLAMA,
    "jan": _LLAMA,
}


def dialect_of(server: str) -> Dialect:
    """Return the dialect a kind of server is known to speak; for unknown ones the plain protocol."""
    return _DIALECTS.get(server, Dialect())
