"""The one seam a speaker implements."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response

Location = Literal["in-process", "loopback", "private", "public", "person"]
"""Where a participant's words are made: in this process, on this machine, on the local network, elsewhere, or by a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantFacts:
    """What is known about a participant; it goes into the record."""

    model: str
    """Model id or file name; "person" for people."""
    spec: str = ""
    """Text from which the participant can be seated again: `tiny`, `gguf:PATH`, `http://HOST:PORT/v1#MODEL`. Never a key."""
    location: Location = "in-process"
    """Where its words are made."""
    address: str = ""
    """The address really dialled, or empty in process."""
    server: str = ""
    """Kind of server, such as `ollama`; empty if unknown."""
    context_window: int | None = None
    """Tokens it can hold, or None if unknown."""
    parallel: int | None = None
    """Requests it can serve at once, or None if unknown."""
    weights: str = ""
    """Something that is equal for two participants exactly when they share weights (a file's fingerprint, an address with a model id)."""


@runtime_checkable
class Participant(Protocol):
    """Whoever can speak: a model behind an endpoint, a GGUF in process, a person.

    Contract:

    * `respond` returns an async iterator that yields `Delta`s and then, exactly once and last, a `Response`
      whose `text` is the concatenation of the text deltas (outer whitespace and special marks aside).
    * It raises a `ParticipantError` for everything that goes wrong on the participant's side, with the public text that
      had already arrived in `partial_text`. Deadlines in the settings are the participant's to keep.
    * Closing the iterator or cancelling the task stops the work within one decode step and frees what it held.
    * Several `respond` calls may run at once; a participant that can do only one at a time queues them.
    * `count_tokens` is an upper estimate if it cannot be exact, and costs no generation.
    * `close` is idempotent; afterwards `respond` raises.
    """

    @property
    def facts(self) -> ParticipantFacts:
        """What is known about this participant now; more may be known after the first answer."""
        ...

    def respond(self, prompt: Prompt, settings: GenerationSettings) -> AsyncIterator[Delta | Response]:
        """Answer the prompt as a stream of deltas that ends in a `Response`."""
        ...

    async def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens that `prompt` takes up in this participant's window."""
        ...

    async def close(self) -> None:
        """Give back connections, threads and memory."""
        ...


@runtime_checkable
class Connectable(Protocol):
    """A participant that wants to be prepared before the circle begins: dial, look up the model, load weights."""

    async def connect(self) -> None:
        """Make the participant ready to respond; raises a `ParticipantError` or `ModelFileError`. Calling it again does no harm."""
        ...


@runtime_checkable
class ReportsLoading(Protocol):
    """A participant that can say how far it has loaded its weights."""

    def report_loading(self, tell: Callable[[float], None]) -> None:
        """Have `tell` called in the event loop with the share loaded, 0..1, while `connect` loads weights."""
        ...


@runtime_checkable
class HasConcerns(Protocol):
    """A participant that works and yet has something to tell whoever seated it, such as a key file that others can read."""

    @property
    def concerns(self) -> Sequence[str]:
        """What is not as it should be, known once it is connected; told in the circle's record and by the doctor."""
        ...


@runtime_checkable
class ScoringWishes(Protocol):
    """A participant that says how its statements are to be scored."""

    @property
    def score_weight(self) -> float:
        """Weight of its pattern scores in the circle's aggregate."""
        ...

    @property
    def track_reciprocity(self) -> bool:
        """Whether its statements are scored for reciprocity."""
        ...


async def whole_response(participant: Participant, prompt: Prompt, settings: GenerationSettings) -> Response:
    """Run `respond` to its end and return the `Response`."""
    async for part in participant.respond(prompt, settings):
        if isinstance(part, Response):
            return part
    msg = "the participant's stream ended without a Response"
    raise RuntimeError(msg)
