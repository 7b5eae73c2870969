"""A response: what came back from a participant, with the measurements of getting it."""

from dataclasses import dataclass, field
from typing import Literal

FinishReason = Literal["stop", "length", "cancelled", "unknown"]
"""Why an answer ended: by itself or a stop text, at the token limit, cancelled, or the participant did not say."""

Channel = Literal["text", "reasoning"]
"""Public text, or private reasoning that no peer ever sees."""


EnergySource = Literal["rapl", "nvml", "rapl+nvml", "powermetrics", "estimate", "none"]
"""Where an energy figure comes from: a counter of the processor, of NVIDIA accelerators, of both, another meter, an estimate, nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of an answer as it arrives."""

    text: str
    """The new characters."""
    channel: Channel = "text"
    """Whether they are public text or private reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one request. None means that nobody counted; 0 means zero."""

    prompt_tokens: int | None = None
    """Tokens of the prompt."""
    cached_tokens: int | None = None
    """Prompt tokens that were already in the participant's memory and cost nothing."""
    completion_tokens: int | None = None
    """Tokens of the answer, private reasoning included."""
    estimated: bool = False
    """True if the figures were estimated from text or deltas and not reported by the participant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds and resources measured around one request. None means not measured."""

    first_token_s: float | None = None
    """From the request to the first token, in seconds."""
    total_s: float | None = None
    """From the request to the end of the answer, in seconds."""
    compute_s: float | None = None
    """This request's share of the engine's busy time, in seconds; only an in-process engine knows it."""
    cpu_s: float | None = None
    """Processor seconds of this process spent on the request; only where they can be told apart."""
    peak_rss_bytes: int | None = None
    """Largest resident memory of the process that ran the model, in bytes."""
    vram_bytes: int | None = None
    """Accelerator memory in use, in bytes."""
    energy_j: float | None = None
    """Energy above idle, in joules."""
    energy_source: EnergySource = "none"
    """Where the energy figure comes from."""
    energy_uncertainty: float | None = None
    """Relative uncertainty of the energy figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A participant's whole answer. It ends every stream of deltas."""

    text: str
    """The public text."""
    reasoning: str = ""
    """Private reasoning; kept in the record, never shown to peers."""
    finish_reason: FinishReason = "stop"
    """Why the answer ended."""
    passed: bool = False
    """True if the participant chose not to speak; `text` then holds its reason, if any."""
    model: str = ""
    """The model that answered, by its own word."""
    usage: Usage = field(default_factory=Usage)
    """Tokens."""
    timings: Timings = field(default_factory=Timings)
    """Seconds and resources."""
    notes: tuple[str, ...] = ()
    """Things a reader of the record should know, such as suspected truncation of the prompt."""
