"""Short ways to ask a participant in tests."""

from contextlib import aclosing

from mallku.dialogue.prompt import Deadlines, GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response

PROMPT = Prompt(system="You sit in a circle.", user="What should we do? " * 10, seat="Ada")
QUICK = Deadlines(connect=20.0, first_token=50.0, idle=50.0, total=100.0)


def settings(**changes):
    return GenerationSettings(**{"max_tokens": 16, "deadlines": QUICK, **changes})


async def answer(participant, prompt=PROMPT, **changes):
    """Return the deltas and the response."""
    deltas, response = [], None
    async with aclosing(participant.respond(prompt, settings(**changes))) as parts:
        async for part in parts:
            if isinstance(part, Delta):
                assert response is None
                deltas.append(part)
            else:
                assert isinstance(part, Response)
                response = part
    return deltas, response


async def said(participant, prompt=PROMPT, **changes):
    """Return the public text."""
    return (await answer(participant, prompt, **changes))[1].text
