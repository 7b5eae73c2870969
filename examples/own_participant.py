"""Seat anything that can answer: a participant of your own is one class with four members.

python examples/own_participant.py
"""

import asyncio
import json
from collections.abc import AsyncIterator

from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response
from mallku.firecircle import FireCircle


class RuleOfThumb:
    """Answers every question with one sentence, and votes for the option that has most words in common with it."""

    def __init__(self, belief: str) -> None:
        self._belief = belief

    @property
    def facts(self) -> ParticipantFacts:
        """What goes into the record about this participant."""
        return ParticipantFacts(model="rule of thumb", location="in-process")

    async def respond(self, prompt: Prompt, settings: GenerationSettings) -> AsyncIterator[Delta | Response]:
        """Stream the answer, and end with a `Response`."""
        answer = self._belief if settings.schema is None else self._ballot(prompt, settings)
        yield Delta(text=answer)
        yield Response(text=answer)

    def _ballot(self, prompt: Prompt, settings: GenerationSettings) -> str:
        labels = settings.schema["properties"]["choice"]["enum"] if settings.schema else []
        texts = {line[0]: line[3:] for line in prompt.user.splitlines() if line[:1] in labels and line[1:3] == ": "}
        words = set(self._belief.lower().split())
        best = max(labels, key=lambda label: len(words & set(texts[label].lower().split())))
        return json.dumps({"reason": self._belief, "choice": best})

    async def count_tokens(self, prompt: Prompt) -> int:
        """Count words; nobody needs it more exactly here."""
        return len(prompt.user.split())

    async def close(self) -> None:
        """Nothing to give back."""


async def main() -> None:
    """Let three rules of thumb deliberate."""
    circle = FireCircle(journal=":memory:", seed=1)
    for belief in ("What is shared by all is cared for by all.", "What is kept close is kept safe.", "What is shared can be repaired."):
        circle.add_participant(RuleOfThumb(belief))
    result = await circle.deliberate("Where shall we keep the seeds?", options=["In a store shared by all", "Close to each farm"])
    print(result)


if __name__ == "__main__":
    asyncio.run(main())
