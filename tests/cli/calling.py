"""What the tests of the command line share."""

from dataclasses import dataclass

SPEAKERS = """
import json
from mallku.dialogue.response import Delta, Response, Usage
from mallku.testing import ScriptedParticipant, first_choice
import asyncio, os

WORDS = {"amaru": "Share it under our own rules.", "noor": "Only with a right to say no.", "ilse": "Try it for one season."}

def make(name):
    def speak(prompt, settings):
        return first_choice(settings) if settings.schema else WORDS[name]
    return Pausing(speak)

class Pausing(ScriptedParticipant):
    async def respond(self, prompt, settings):
        if "Round: exchange" in prompt.user:
            await asyncio.sleep(float(os.environ.get("PAUSE_IN_EXCHANGE", "0")))
        async for part in super().respond(prompt, settings):
            yield part

def amaru(): return make("amaru")
def noor(): return make("noor")
def ilse(): return make("ilse")

class Stubborn:
    facts = ScriptedParticipant().facts
    async def respond(self, prompt, settings):
        yield Delta(text="I will ")
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
        yield Response(text="I will ")
    async def count_tokens(self, prompt): return 1
    async def close(self): pass

def stubborn(): return Stubborn()

def hostile():
    bad = "\\x1b[31mred\\x1b[0m [red]markup[/red] \\u202edrawkcab\\x07 " + "x" * 400
    return ScriptedParticipant(lambda prompt, settings: first_choice(settings) if settings.schema else bad)
"""

SEATS = ("--seat", "Amaru=python:speakers:amaru", "--seat", "Noor=python:speakers:noor", "--seat", "Ilse=python:speakers:ilse")


@dataclass
class Ended:
    """How a child ended."""

    code: int
    out: str
    err: str


def is_one_paragraph(text):
    """Whether an error is what a person can read: one paragraph, no traceback."""
    return text.startswith("mallku: ") and "\n\n" not in text and "Traceback" not in text and 40 < len(text) < 1200
