"""What an endpoint tells about itself when it is asked without side effects."""

from dataclasses import dataclass

from mallku.catalog.server_presets import preset
from mallku.dialogue.participant import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One model that a server lists."""

    id: str
    """The name by which it is asked for."""
    window: int | None = None
    """Tokens it holds as it is loaded now, or None if the server does not say."""
    trained_window: int | None = None
    """Tokens it was trained to hold, or None if the server does not say."""
    embeds: bool = False
    """Whether it makes embeddings and cannot speak."""
    remote: bool = False
    """Whether the server passes requests for it on to somebody else's machine."""
    loaded: bool | None = None
    """Whether it is in memory, or None if the server does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFacts:
    """An endpoint, by its own word."""

    base_url: str
    """Where the chat completions protocol answers, without a slash at the end."""
    server: str = ""
    """Kind of server, a preset's name; empty if unknown."""
    version: str = ""
    """The server's version, or empty."""
    location: Location = "loopback"
    """Where the address really dialled lies."""
    address: str = ""
    """The address really dialled."""
    models: tuple[ServedModel, ...] = ()
    """What it lists."""
    lists_models: bool = True
    """Whether it has a list at all."""
    parallel: int | None = None
    """Requests it serves at once, or None if it does not say."""
    shared_pool: int | None = None
    """Tokens that all simultaneous requests share, where slots share one memory; else None."""

    @property
    def loads_on_demand(self) -> bool:
        """Whether the first request for a model loads it."""
        known = preset(self.server)
        return known.loads_on_demand if known else False

    @property
    def speakers(self) -> tuple[ServedModel, ...]:
        """The models that can speak."""
        return tuple(model for model in self.models if not model.embeds)
