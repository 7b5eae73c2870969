"""A participant as a model: a server elsewhere, or whoever else can take a seat in a circle."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from mallku.dialogue.message import Message
from mallku.dialogue.participant import Connectable, Participant
from mallku.dialogue.prompt import Deadlines, GenerationSettings, Prompt
from mallku.dialogue.response import Response
from mallku.server.backend import Ability, Generation, ModelCard, Outcome, Piece, Vectors
from mallku.server.errors import Refusal

ABILITIES: Final[frozenset[Ability]] = frozenset(
    {"chat", "schema", "seed", "top_p", "top_k", "min_p", "repeat_penalty", "stop", "temperature", "max_tokens", "reasoning", "many"}
)


class ParticipantBackend:
    """Serves a participant. It is connected at the first request."""

    def __init__(self, name: str, participant: Participant, *, total_s: float | None = None) -> None:
        self._name = name
        self._participant = participant
        self._total_s = total_s
        self._is_connected = not isinstance(participant, Connectable)

    @property
    def card(self) -> ModelCard:
        """What is known about the model now."""
        known = self._participant.facts
        facts = {"model": known.model, "location": known.location, "context_length": known.context_window}
        return ModelCard(id=self._name, owner=known.server or "participant", facts=facts)

    @property
    def abilities(self) -> frozenset[Ability]:
        """What any participant can be asked."""
        return ABILITIES

    @property
    def is_loaded(self) -> bool:
        """Whether it is connected."""
        return self._is_connected

    async def generate(self, generation: Generation) -> AsyncGenerator[Piece | Outcome, None]:
        """Let the participant respond."""
        await self._connect()
        settings = GenerationSettings(
            max_tokens=generation.max_tokens,
            temperature=generation.temperature,
            top_p=generation.top_p,
            top_k=generation.top_k,
            min_p=generation.min_p,
            repeat_penalty=generation.repeat_penalty,
            seed=generation.seed,
            stop=generation.stop,
            schema=generation.schema,
            reasoning=generation.reasoning,
            deadlines=Deadlines(total=self._total_s),
        )
        responding = self._participant.respond(prompt_of(generation.messages), settings)
        async with aclosing(responding) as parts:  # type: ignore[type-var]
            async for part in parts:
                if isinstance(part, Response):
                    yield Outcome(finish="length" if part.finish_reason == "length" else "stop", usage=part.usage)
                else:
                    yield Piece(text=part.text, channel=part.channel)

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count as the participant does."""
        await self._connect()
        return await self._participant.count_tokens(prompt_of(messages))

    async def tokenize(self, text: str) -> tuple[int, ...]:  # noqa: ARG002 - the seam's signature
        """Refuse: token ids are an engine's matter."""
        raise Refusal(400, f"The model {self._name!r} does not tell token ids.", code="unsupported_endpoint")

    async def embed(self, texts: Sequence[str]) -> Vectors:  # noqa: ARG002 - the seam's signature
        """Refuse: participants speak."""
        raise Refusal(400, f"The model {self._name!r} does not embed texts.", code="unsupported_endpoint")

    async def close(self) -> None:
        """Close the participant."""
        await self._participant.close()

    async def _connect(self) -> None:
        if isinstance(self._participant, Connectable):
            await self._participant.connect()
        self._is_connected = True


def prompt_of(messages: Sequence[Message]) -> Prompt:
    """Return a chat as the one system and one user message that every participant understands."""
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    said = [message for message in messages if message.role != "system"]
    if len(said) == 1 and said[0].role == "user":
        return Prompt(system=system, user=said[0].content)
    lines = [f"{'User' if message.role == 'user' else 'You'}: {message.content}" for message in said]
    return Prompt(system=system, user="\n\n".join(["The conversation so far:", *lines, "Answer the user's last message."]))
