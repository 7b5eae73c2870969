"""Vectors for the third tier of the detectors: a GGUF of the user's, in the engine."""

from collections.abc import Sequence
from pathlib import Path

from mallku.engine import Engine, EngineSettings, load_engine


class EngineEmbedder:
    """Turns texts into vectors by an engine, which is loaded on first use. Texts that are too long are cut."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is loaded yet."""
        self._settings = EngineSettings(model_path=path, embeddings=True)
        self._engine: Engine | None = None

    async def connect(self) -> None:
        """Load the model; raises a `ModelFileError`."""
        if self._engine is None:
            self._engine = await load_engine(self._settings)

    async def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector of length 1 for each text."""
        await self.connect()
        assert self._engine is not None
        limit = self._engine.facts.context_length * _LETTERS_PER_TOKEN
        return (await self._engine.embed([text[:limit] or " " for text in texts])).vectors

    async def close(self) -> None:
        """Free the model."""
        if self._engine is not None:
            await self._engine.close()
            self._engine = None


_LETTERS_PER_TOKEN = 2
"""Fewer than a token of running text has in any language that mallku has word lists for, so that what is cut fits."""


def embedder(path: Path | None) -> EngineEmbedder | None:
    """Return what makes vectors by the file, or None where there is none."""
    return None if path is None else EngineEmbedder(path.expanduser())
