"""Who speaks where nobody was named: local servers that answer, else GGUF files that are here, else the bundled rehearsal model."""

import asyncio
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mallku.assembly.seating import TINY
from mallku.catalog.local_servers import FoundServer, discover_servers
from mallku.catalog.model_facts import ModelFacts
from mallku.catalog.model_folders import find_model_files
from mallku.catalog.server_presets import preset
from mallku.errors import EngineUnavailable

MOST_MODELS: Final = 3
"""Most different models that are chosen."""

COMFORTABLE_BYTES: Final = 5_000_000_000
"""The largest file that is chosen where there are smaller ones too: more is slow on most computers."""

_REAL_MODEL: Final = (
    "For a real deliberation start a local server (such as Ollama or LM Studio), name one with `--model http://HOST:PORT/v1#MODEL`, "
    "or give a file with `--model gguf:PATH`."
)
_INSTALL: Final = 'Install the engine with `pip install "mallku[llama]"`, or start a local server such as Ollama or LM Studio.'


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
    """Look for models on this machine, in the order in which they are preferred.

    Raises:
        EngineUnavailable: No server answers, and no file can be loaded because the engine is not installed.
    """
    if found := from_servers(await discover_servers()):
        return found
    if importlib.util.find_spec("llama_cpp") is None:
        raise EngineUnavailable("No local server answered, and the in-process engine is not installed.", hint=_INSTALL)
    files = await asyncio.to_thread(find_model_files)
    return from_files(files.models) or rehearsal()


def from_servers(servers: Sequence[FoundServer]) -> Choice | None:
    """Choose among the models of servers that answer: those in memory first; None if no server has one that speaks here."""
    offered = [
        (server, model)
        for server in servers
        if server.facts is not None
        for model in server.facts.speakers
        if not model.remote and "#" not in model.id
    ]
    if not offered:
        return None
    loaded = [pair for pair in offered if pair[1].loaded]
    # a server that does not say what is in memory has usually just one model, and it is
    ready = loaded or [pair for pair in offered if pair[1].loaded is None] or offered[:1]
    chosen = ready[:MOST_MODELS]
    named = ", ".join(f"{model.id} of {_title(server)}" for server, model in chosen)
    return Choice(specs=tuple(f"{server.url}#{model.id}" for server, model in chosen), told=f"Found on this machine: {named}.")


def from_files(models: Sequence[ModelFacts]) -> Choice | None:
    """Choose the largest GGUF file of a comfortable size, or the smallest of all if none is; None if no file speaks."""
    usable = [facts for facts in models if facts.format == "gguf" and facts.speaks and facts.chat_template]
    if not usable:
        return None
    comfortable = [facts for facts in usable if facts.size_bytes <= COMFORTABLE_BYTES]
    largest = max(comfortable, key=lambda facts: facts.size_bytes, default=None)
    chosen = largest or min(usable, key=lambda facts: facts.size_bytes)
    where = f" in the folder of {chosen.source}" if chosen.source else ""
    told = f"No local server answered. Found the file {chosen.id} ({chosen.size_bytes / 1e9:.1f} GB){where}; all seats speak through it."
    return Choice(specs=(f"gguf:{chosen.path}",), told=told)


def rehearsal() -> Choice:
    """Return the choice of the bundled model, saying plainly what it is."""
    told = (
        "No local server answered and no GGUF file was found, so the seats speak through the bundled rehearsal model. It is "
        f"a few megabytes large and shows the procedure; its opinions mean nothing. {_REAL_MODEL}"
    )
    return Choice(specs=(TINY,), told=told)


def _title(server: FoundServer) -> str:
    known = preset(server.facts.server) if server.facts else None
    return f"{known.title} at {server.url}" if known else server.url
