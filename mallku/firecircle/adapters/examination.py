"""Examines one participant as a doctor would: is it there, where is it, what can it hold, does it answer, does it fill in forms."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from mallku.catalog.server_presets import preset
from mallku.dialogue.participant import Connectable, HasConcerns, Participant, whole_response
from mallku.dialogue.prompt import Deadlines, GenerationSettings, JsonSchema, Prompt
from mallku.errors import EmptyAnswer, MallkuError
from mallku.firecircle.adapters.endpoint import EndpointProfile
from mallku.wire.json_answers import last_object, misfit

ExaminedState = Literal["ok", "note", "fault"]
"""Whether something works, may be wanted, or is broken."""

_SMALL_WINDOW: Final = 4096
_QUESTION: Final = Prompt(system="Answer in one word.", user="Is water wet? Answer yes or no.")
_FORM: Final = Prompt(system="Answer only with JSON.", user='Vote for A or B. Answer only with JSON: {"choice": "A"}')
_FORM_SCHEMA: Final[JsonSchema] = {
    "type": "object",
    "properties": {"choice": {"enum": ["A", "B"]}},
    "required": ["choice"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One thing that was looked at."""

    what: str
    """What was looked at."""
    state: ExaminedState
    """Whether it works."""
    told: str
    """What was found."""
    remedy: str = ""
    """How to mend it, or empty."""


async def examine(participant: Participant, *, first_token_s: float = 120.0) -> AsyncIterator[Examined]:
    """Examine a participant and yield each result as it is known; stops at the first fault that makes the rest pointless.

    Args:
        participant: Who is examined; it is connected, asked two short questions, and left open.
        first_token_s: Seconds to wait for a model that is still to be loaded.
    """
    try:
        if isinstance(participant, Connectable):
            await participant.connect()
    except MallkuError as error:
        yield Examined(what="reachable", state="fault", told=error.message, remedy=error.hint)
        return
    for result in _known(participant):
        yield result
    for concern in participant.concerns if isinstance(participant, HasConcerns) else ():
        yield Examined(what="settings", state="note", told=concern)
    limits = Deadlines(first_token=first_token_s, idle=30.0, total=2 * first_token_s)
    settings = GenerationSettings(max_tokens=64, temperature=0.0, deadlines=limits)
    answer = await _answer(participant, settings)
    yield answer
    if answer.state != "fault":
        yield await _form(participant, settings)
    for result in _learnt(_profile(participant)):
        yield result


def _known(participant: Participant) -> list[Examined]:
    facts = participant.facts
    known = preset(facts.server)
    title = known.title if known else facts.server or ("in process" if facts.location == "in-process" else "a server of unknown kind")
    results = [
        Examined(what="reachable", state="ok", told=f"{title}{f' at {facts.address}' if facts.address else ''}"),
        Examined(
            what="address",
            state="note" if facts.location == "public" else "ok",
            told=f"{facts.location}: {'statements leave this network' if facts.location == 'public' else 'nothing leaves the house'}",
        ),
        Examined(what="model", state="ok", told=facts.model or "the one it serves"),
    ]
    if facts.context_window is None:
        remedy = "Say how much it holds with `context_length`, so that nothing is cut off silently."
        results.append(Examined(what="window", state="note", told="it does not say how many tokens it holds", remedy=remedy))
    else:
        small = facts.context_window < _SMALL_WINDOW
        remedy = known.window_hint if small and known else ""
        results.append(Examined(what="window", state="note" if small else "ok", told=f"{facts.context_window} tokens", remedy=remedy))
    if facts.parallel is not None:
        results.append(Examined(what="at once", state="ok", told=f"{facts.parallel} {'request' if facts.parallel == 1 else 'requests'}"))
    return results


async def _answer(participant: Participant, settings: GenerationSettings) -> Examined:
    began = time.monotonic()
    try:
        response = await whole_response(participant, _QUESTION, settings)
    except EmptyAnswer as error:
        return Examined(what="answer", state="note", told=error.message, remedy=error.hint)
    except MallkuError as error:
        return Examined(what="answer", state="fault", told=error.message, remedy=error.hint)
    told = f"{len(response.text)} characters in {time.monotonic() - began:.1f} s"
    notes = "; ".join(response.notes)
    return Examined(what="answer", state="note" if notes else "ok", told=f"{told}. {notes}" if notes else told)


async def _form(participant: Participant, settings: GenerationSettings) -> Examined:
    try:
        response = await whole_response(participant, _FORM, replace(settings, schema=_FORM_SCHEMA))
    except MallkuError as error:
        return Examined(what="ballots", state="note", told=error.message, remedy=error.hint)
    profile = _profile(participant)
    way = f", asked for by {profile.dialect.rung}" if profile else ""
    value = last_object(response.text)
    if value is None or misfit(value, _FORM_SCHEMA):
        remedy = "Its ballots may be spoiled; try a larger model, or a server that enforces JSON schemas."
        return Examined(what="ballots", state="note", told=f"it did not fill in a form{way}", remedy=remedy)
    return Examined(what="ballots", state="ok", told=f"it fills in forms{way}")


def _learnt(profile: EndpointProfile | None) -> list[Examined]:
    if profile is None:
        return []
    results = [Examined(what="learnt", state="ok", told=lesson) for lesson in profile.learnt]
    if profile.reasons:
        results.append(Examined(what="reasoning", state="ok", told="it thinks before it speaks; that is kept apart and shown to nobody"))
    return results


def _profile(participant: Participant) -> EndpointProfile | None:
    profile = getattr(participant, "profile", None)
    return profile if isinstance(profile, EndpointProfile) else None
