"""A real engine whose model spells prepared answers byte by byte, so that every boundary there is gets cut."""

import re

from mallku.engine.fake_binding import BYTES, FakeBinding
from mallku.engine.threaded import ThreadedEngine

_ASKED = re.compile(rb"User: case (\d+)\n\nAssistant:")


def spelling_loader(answers):
    """Return a loader of engines that answer the words `case N` with answer N."""
    spelled = [answer.encode() for answer in answers]

    def rule(prefix):
        asked = _ASKED.match(bytes(prefix[:40]))
        answer, done = spelled[int(asked[1])], len(prefix) - asked.end()
        return answer[done] if done < len(answer) else BYTES

    async def load(settings, on_progress=None):
        return await ThreadedEngine.load(lambda _: FakeBinding(rule=rule, cells=8192))

    return load
