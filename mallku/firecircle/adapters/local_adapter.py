"""One participant for every way to run a model locally: a server with OpenAI's protocol, Ollama, or a GGUF file in this process."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from mallku.catalog.server_presets import preset_or_error
from mallku.dialogue.participant import Connectable, Participant, ParticipantFacts, ReportsLoading
from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response
from mallku.errors import ConfigurationError
from mallku.firecircle.adapters.endpoint import EndpointProfile, Endpoints, SharesEndpoint
from mallku.firecircle.adapters.key_ring import key_from_file, ring_of_this_user
from mallku.firecircle.adapters.local_config import LocalAdapterConfig, LocalBackend
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible

if TYPE_CHECKING:
    from mallku.engine import EnginePool

__all__ = ["LocalAIAdapter", "LocalAdapterConfig", "LocalBackend"]

TINY: Final = "tiny"
"""The specification of the bundled rehearsal model."""

_TOLD: Final = frozenset({"gpu_layers", "context_length"})
"""Settings of which the engine tells what cannot be had."""

_DEFAULT_URL: Final = "http://127.0.0.1:8080"


class LocalAIAdapter:
    """A participant as its configuration describes it. `connect` is called on first use if it was not called before."""

    def __init__(self, config: LocalAdapterConfig, *, engines: "EnginePool | None" = None) -> None:
        """Prepare the participant; nothing is dialled or loaded yet.

        Args:
            config: How it is reached or loaded, and how it generates.
            engines: Where engines are shared, so that several participants load the weights of one file once.
        """
        self.config: Final = config
        """What it was made from."""
        self.concerns: Final[list[str]] = []
        """What is not as it should be though it works, such as a key file that others can read."""
        self._participant = _participant(config, engines, self.concerns)

    def __repr__(self) -> str:
        """Name the backend and what it speaks through; never the key."""
        return f"LocalAIAdapter({self._participant!r})"

    @property
    def facts(self) -> ParticipantFacts:
        """What is known about the participant now."""
        return self._participant.facts

    @property
    def profile(self) -> EndpointProfile | None:
        """What is known about its endpoint; None in process and before it is connected."""
        return self._participant.profile if isinstance(self._participant, OpenAICompatible) else None

    @property
    def score_weight(self) -> float:
        """Weight of this seat's pattern scores in the circle's aggregate."""
        return self.config.consciousness_weight

    @property
    def track_reciprocity(self) -> bool:
        """Whether this seat's statements are scored for reciprocity."""
        return self.config.track_reciprocity

    def share(self, endpoints: Endpoints) -> None:
        """Wait for others that ask the same server, as that server needs it; no effect in process."""
        if isinstance(self._participant, SharesEndpoint):
            self._participant.share(endpoints)

    def report_loading(self, tell: Callable[[float], None]) -> None:
        """Have `tell` called with the share of the weights that is loaded; a server loads its own and is not asked."""
        if isinstance(self._participant, ReportsLoading):
            self._participant.report_loading(tell)

    async def connect(self) -> None:
        """Dial the server or load the weights.

        Raises:
            ParticipantError: The endpoint cannot be used.
            ModelFileError: The file cannot be used.
        """
        if isinstance(self._participant, Connectable):
            await self._participant.connect()
        # What nobody chose is no mistake of anybody: a default that goes beyond the model or the build is not told.
        if _TOLD & self.config.model_fields_set:
            self.concerns.extend([warning for warning in getattr(self._participant, "warnings", ()) if warning not in self.concerns])

    async def respond(self, prompt: Prompt, settings: GenerationSettings) -> AsyncGenerator[Delta | Response]:
        """Answer the prompt as a stream of deltas that ends in a `Response`; without `emit_events` only the `Response` comes."""
        stream = self._participant.respond(prompt, settled(settings, self.config.defaults))
        async with aclosing(stream) as parts:  # type: ignore[type-var] # the seam promises an iterator; those of participants can be closed
            async for part in parts:
                if self.config.emit_events or isinstance(part, Response):
                    yield part

    async def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens that `prompt` takes up."""
        return await self._participant.count_tokens(prompt)

    async def close(self) -> None:
        """Give back connections, threads and memory."""
        await self._participant.close()


def settled(settings: GenerationSettings, defaults: GenerationSettings) -> GenerationSettings:
    """Return `settings` with what they leave open taken from `defaults`; stop texts of both count."""
    fields = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "repeat_penalty", "seed", "schema", "reasoning")
    filled = {name: getattr(defaults, name) for name in fields if getattr(settings, name) is None}
    return replace(settings, **filled, stop=tuple(dict.fromkeys((*settings.stop, *defaults.stop))))


def _participant(config: LocalAdapterConfig, engines: "EnginePool | None", concerns: list[str]) -> Participant:
    if config.backend is LocalBackend.LLAMACPP:
        return _in_process(config, engines)
    server = "ollama" if config.backend is LocalBackend.OLLAMA else ""
    url = config.base_url or (preset_or_error(server).base_url if server else _DEFAULT_URL)
    return OpenAICompatible(
        url,
        model=config.model_name or "",
        api_key=_key(config, url, concerns),
        allow_remote=config.allow_remote,
        window=config.context_length if "context_length" in config.model_fields_set else None,
        server=server,
        proxy=config.proxy,
    )


def _key(config: LocalAdapterConfig, url: str, concerns: list[str]) -> SecretStr | str:
    """Return the key given, else that of the key file, else that of the user's ring of keys."""
    if config.api_key is not None:
        return config.api_key
    path = config.api_key_file or ring_of_this_user()
    if path is None:
        return ""
    found = key_from_file(path, url)
    concerns += [found.concern] if found.concern else []
    return found.key or ""


def _in_process(config: LocalAdapterConfig, engines: "EnginePool | None") -> Participant:
    if config.model_path is None:
        raise ConfigurationError("The in-process backend needs a GGUF file.", hint="Give its path as `model_path`.")
    from mallku.engine import EnginePool, EngineSettings
    from mallku.firecircle.adapters.in_process import InProcessParticipant

    settings = EngineSettings(
        model_path=config.model_path,
        # the default is no wish to go beyond what the model was trained with
        context_length=config.context_length if "context_length" in config.model_fields_set else None,
        gpu_layers=config.gpu_layers if config.use_gpu else 0,
        expects_gpu="gpu_layers" in config.model_fields_set,
        threads=config.threads,
        max_memory_gb=config.max_memory_gb,
    )
    spec = TINY if config.model_name == TINY else ""
    return InProcessParticipant(settings, engines or EnginePool(), spec=spec)
