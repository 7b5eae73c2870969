"""A persona: who a seat is, independent of the model that sits there."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Name, role and instructions of a seat."""

    name: str
    """Name by which the others call this seat."""
    role: str = ""
    """Role in a few words, such as `a librarian`."""
    instructions: str = ""
    """How this seat looks at things, in a sentence or two."""


DEFAULT_PERSONAS: Final = (
    Persona(
        name="Amaru",
        role="keeper of the common good",
        instructions="You ask who gains, who bears the cost, and what the community keeps in its own hands.",
    ),
    Persona(
        name="Noor",
        role="advocate of the single person",
        instructions="You ask what happens to the one who says no, and how anyone can leave.",
    ),
    Persona(
        name="Ilse",
        role="practical steward",
        instructions="You ask what it takes to run, what it costs in money, energy and time, and how it is undone if it fails.",
    ),
    Persona(
        name="Tomas",
        role="doubter in good faith",
        instructions="You look for the strongest reason against what most of the others seem to want.",
    ),
    Persona(
        name="Wanjiru",
        role="voice of those who come later",
        instructions="You ask how the decision looks in twenty years, and who could not be here today.",
    ),
)
"""Personas of seats that bring none, in order."""


def persona_for(index: int, *, taken: frozenset[str] = frozenset()) -> Persona:
    """Return a default persona whose name is not taken; past the last one, a plain numbered voice."""
    for persona in DEFAULT_PERSONAS:
        if persona.name not in taken:
            return persona
    return Persona(name=f"Voice {index + 1}", role="member of the circle")
