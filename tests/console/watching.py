"""A deliberation to look at, and terminals of any size to look at it in."""

import io

from rich.console import Console

from mallku.console.theme import THEME
from mallku.detectors import Panel
from mallku.firecircle import FireCircle, Persona
from mallku.testing import EventRecorder, ScriptedParticipant, first_choice

WORDS = {
    "Amaru": "Share it, but under rules that the village writes itself.",
    "Noor": "Only with a right to say no, and with deletion within a month of asking.",
    "Ilse": "Try it for one season; if it fails we unplug it.",
}


def speaker(text):
    return ScriptedParticipant(lambda prompt, settings: first_choice(settings) if settings.schema else text)


async def events_of(texts=None, *, plan=None, question="Should the village share its weather data?", panel=None, seats=()):
    """Run a deliberation and return all that went over the bus."""
    circle = FireCircle(journal=":memory:", seed=5, plan=plan, panel=panel or Panel(()))
    recorder = EventRecorder()
    circle.bus.subscribe(recorder)
    for name, text in (texts or WORDS).items():
        circle.add_participant(speaker(text), persona=Persona(name=name, role="member"))
    for name, participant in seats:
        circle.add_participant(participant, persona=Persona(name=name))
    await circle.deliberate(question)
    return recorder.events


def terminal(width=80, height=30, *, colour=False):
    """A terminal that keeps what is written to it."""
    return Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, theme=THEME, highlight=False, markup=False, emoji=False,
        color_system="standard" if colour else None, legacy_windows=False,
    )  # fmt: skip
