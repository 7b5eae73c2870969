"""A prompt and the settings of one generation: all that a participant is asked with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mallku.dialogue.message import Message

JsonSchema = Mapping[str, Any]
"""A JSON Schema as plain data."""

ReasoningEffort = Literal["none", "low", "medium", "high"]
"""How much private reasoning is asked of a model that can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a participant reads before it speaks: a charter and one user message."""

    system: str
    """The circle's charter, the same for every seat."""
    user: str
    """Question, transcript and, last, the participant's own turn."""
    shared_chars: int = 0
    """How many characters at the start of `user` are the same for every seat of the round."""
    seat: str = ""
    """Name of the seat that is asked. A human participant shows it; models read it in `user`."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt as chat messages: system, then user."""
        user = Message(role="user", content=self.user)
        return (Message(role="system", content=self.system), user) if self.system else (user,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a participant may take, in seconds. None means no limit."""

    connect: float | None = 10.0
    """Until the connection stands."""
    first_token: float | None = 300.0
    """From the request until the first token, a cold model's loading included."""
    idle: float | None = 60.0
    """Between two tokens; keep-alive comments do not count as tokens."""
    total: float | None = 900.0
    """From the request until the end of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """How one answer is generated. None means: not sent, the participant's own default rules."""

    max_tokens: int | None = None
    """Most tokens of the answer, private reasoning included."""
    temperature: float | None = None
    """Randomness of sampling; 0 is greedy."""
    top_p: float | None = None
    """Nucleus sampling: keep the smallest set of tokens with this probability."""
    top_k: int | None = None
    """Keep only this many of the likeliest tokens; 0 keeps all."""
    min_p: float | None = None
    """Drop tokens less likely than this share of the likeliest one."""
    repeat_penalty: float | None = None
    """Penalty on tokens already in the recent text; 1 is none."""
    seed: int | None = None
    """Seed of the sampler."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer; they are not part of it."""
    schema: JsonSchema | None = None
    """The answer must be JSON of this schema. How that is enforced is the participant's business."""
    reasoning: ReasoningEffort | None = None
    """How much private reasoning to ask for."""
    deadlines: Deadlines = field(default_factory=Deadlines)
    """How long it may take."""
