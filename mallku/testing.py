"""Test doubles that ship with mallku, for your tests and ours."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from mallku.detectors.contract import DetectorContract as DetectorContract  # noqa: PLC0414 - offered here
from mallku.dialogue.ballot_form import POSITIONS
from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response, Usage
from mallku.events.kinds import AnyEvent

Reply = str | Response | Exception
"""What a scripted participant does in a turn: say a text, give a whole response, or raise."""

Script = Sequence[Reply] | Callable[[Prompt, GenerationSettings], Reply]
"""Replies in order (the last one is repeated), or a function that answers a prompt."""


class ScriptedParticipant:
    """A participant that says what it was told to say. Ballots, if the script is a list of texts, go to the first option offered."""

    def __init__(
        self, script: Script = ("I have nothing to add.",), *, facts: ParticipantFacts | None = None, delay_s: float = 0.0
    ) -> None:
        self.prompts: list[Prompt] = []
        """Every prompt it was asked with, in order."""
        self.settings: list[GenerationSettings] = []
        """The settings that came with each prompt."""
        self.closed = False
        """Whether it was closed."""
        self._script = script
        self._said = 0
        self._facts = facts or ParticipantFacts(model="scripted", spec="scripted")
        self._delay_s = delay_s

    @property
    def facts(self) -> ParticipantFacts:
        """What is known about this participant."""
        return self._facts

    async def respond(self, prompt: Prompt, settings: GenerationSettings) -> AsyncIterator[Delta | Response]:
        """Give the next reply, word by word."""
        if self.closed:
            raise RuntimeError("this participant was closed")
        self.prompts.append(prompt)
        self.settings.append(settings)
        reply = self._reply(prompt, settings)
        await asyncio.sleep(self._delay_s)
        if isinstance(reply, Exception):
            raise reply
        response = reply if isinstance(reply, Response) else Response(text=reply, model=self._facts.model)
        words = response.text.split(" ")
        for place, word in enumerate(words):
            yield Delta(text=word if place == 0 else f" {word}")
        counted = response.usage.completion_tokens is not None
        usage = response.usage if counted else Usage(prompt_tokens=len(prompt.user.split()), completion_tokens=len(words), estimated=True)
        yield replace(response, usage=usage)

    def _reply(self, prompt: Prompt, settings: GenerationSettings) -> Reply:
        if callable(self._script):
            return self._script(prompt, settings)
        if settings.schema is not None and not self._next().lstrip().startswith("{"):
            return first_choice(settings)
        reply = self._script[min(self._said, len(self._script) - 1)]
        self._said += 1
        return reply

    def _next(self) -> str:
        following = self._script[min(self._said, len(self._script) - 1)] if not callable(self._script) else ""
        return following if isinstance(following, str) else "{"

    async def count_tokens(self, prompt: Prompt) -> int:
        """Count words as tokens."""
        return len(prompt.system.split()) + len(prompt.user.split())

    async def close(self) -> None:
        """End it."""
        self.closed = True


def first_choice(settings: GenerationSettings) -> str:
    """Return a valid answer for the form in `settings.schema`: the first label, the labels in order, consent, a name, a bid."""
    import json

    properties = (settings.schema or {})["properties"]
    if "choice" in properties:
        filled: object = {"choice": properties["choice"]["enum"][0]}
    elif "position" in properties:
        filled = {"position": POSITIONS[0]}
    elif "approve" in properties:
        filled = {"approve": properties["approve"]["items"]["enum"][:1]}
    elif "ranking" in properties:
        filled = {"ranking": properties["ranking"]["items"]["enum"]}
    elif "scores" in properties:
        labels = list(properties["scores"]["properties"])
        filled = {"scores": {label: max(5 - place, 0) for place, label in enumerate(labels)}}
    elif "next" in properties:
        filled = {"next": properties["next"]["enum"][0]}
    elif "bid" in properties:
        filled = {"bid": 3}
    else:
        grades = properties["grades"]["properties"]
        filled = {"grades": {label: form["enum"][min(place, len(form["enum"]) - 1)] for place, (label, form) in enumerate(grades.items())}}
    return json.dumps({"reason": "It is the first.", **filled})  # type: ignore[dict-item]


class EventRecorder:
    """A subscriber that keeps what it hears: `bus.subscribe(recorder)`."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        """Everything heard, in order."""

    def __call__(self, event: AnyEvent) -> None:
        """Keep an event."""
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the events heard, in order."""
        return [event.kind for event in self.events]
