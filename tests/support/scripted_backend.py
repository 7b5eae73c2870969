"""A backend that yields what a test gives it."""

from mallku.server.backend import ABILITIES, ModelCard, Outcome, Piece, Vectors


class ScriptedBackend:
    def __init__(self, name, parts=(), *, abilities=ABILITIES, card=None):
        self.card = card or ModelCard(id=name)
        self.abilities = frozenset(abilities)
        self.is_loaded = True
        self.asked = []
        self._parts = [Piece(text=part) if isinstance(part, str) else part for part in parts]

    async def generate(self, generation):
        self.asked.append(generation)
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield part
        if not self._parts or not isinstance(self._parts[-1], Outcome):
            yield Outcome()

    async def count_tokens(self, messages):
        return sum(len(message.content.split()) for message in messages)

    async def tokenize(self, text):
        return tuple(range(len(text.split())))

    async def embed(self, texts):
        return Vectors(vectors=tuple((1.0, 0.5, -0.25) for _ in texts), tokens=len(texts))

    async def close(self):
        pass
