"""A deliberation in a process of its own, to be killed: `python scripted_child.py JOURNAL [ID]`.

The participants' words depend on nothing but prompt and seed, so that a run that was broken off can be compared with one that
was not. A resumed run has them finish in the opposite order.
"""

import asyncio
import hashlib
import sys

from mallku.firecircle import FireCircle, default_plan
from mallku.journal import open_journal
from mallku.testing import ScriptedParticipant, first_choice

SEED = 20260101
NAMES = ("Ada", "Ben", "Cho", "Dov")


def reply(prompt, settings):
    if settings.schema is not None:
        return first_choice(settings)
    mark = hashlib.sha256(f"{prompt.user}{settings.seed}".encode()).hexdigest()[:12]
    return f"{prompt.seat} says {mark} because we decide about our own data."


def circle(journal, *, backwards=False):
    made = FireCircle(plan=default_plan(exchanges=2), journal=journal, seed=SEED)
    for place, name in enumerate(NAMES):
        waits = len(NAMES) - place if backwards else place + 1
        made.add_participant(ScriptedParticipant(reply, delay_s=0.002 * waits), name=name)
    return made


async def main(place, deliberation):
    async with await open_journal(place) as journal:
        made = circle(journal, backwards=bool(deliberation))
        made.bus.subscribe(lambda event: event.recorded and sys.stdout.write(f"{event.seq}\n") and sys.stdout.flush())
        if deliberation:
            await made.resume(deliberation)
        else:
            await made.deliberate("Should we open our weather data?")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
