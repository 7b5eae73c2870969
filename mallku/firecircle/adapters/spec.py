"""A participant from one line of text, as it stands on a command line, in a plan or in a record. Keys are never part of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mallku.catalog.server_presets import PRESETS, preset
from mallku.errors import ConfigurationError
from mallku.firecircle.adapters.local_adapter import TINY, LocalAdapterConfig, LocalAIAdapter, LocalBackend

if TYPE_CHECKING:
    from mallku.engine import EnginePool

TINY_TEMPERATURE: Final = 0.5
"""Where the rehearsal model reads best, by the figures in its card."""


def participant_from_spec(spec: str, *, tiny: Path | None = None, engines: "EnginePool | None" = None, **settings: Any) -> LocalAIAdapter:
    """Return the participant that `spec` describes.

    Args:
        spec: `tiny`, `gguf:PATH`, `http://HOST:PORT/v1#MODEL`, or the name of a known server, alone or followed by `:MODEL`, such as
            `ollama:llama3.2`.
        tiny: Where the rehearsal model lies.
        engines: Where engines are shared, so that several seats load the weights of one file once.
        settings: Further fields of `LocalAdapterConfig`, such as `api_key` or `allow_remote`.

    Raises:
        ConfigurationError: It is none of these.
    """
    text = spec.strip()
    kind, _, rest = text.partition(":")
    if text == TINY and tiny is not None:
        settings.setdefault("temperature", TINY_TEMPERATURE)
        return LocalAIAdapter(
            LocalAdapterConfig(backend=LocalBackend.LLAMACPP, model_path=tiny, model_name=TINY, **settings), engines=engines
        )
    if kind == "gguf" and rest:
        return LocalAIAdapter(
            LocalAdapterConfig(backend=LocalBackend.LLAMACPP, model_path=Path(rest).expanduser(), **settings), engines=engines
        )
    if kind in {"http", "https"}:
        url, _, model = text.partition("#")
        return LocalAIAdapter(LocalAdapterConfig(base_url=url, model_name=model or None, **settings), engines=engines)
    if known := preset(kind):
        backend = LocalBackend.OLLAMA if kind == "ollama" else LocalBackend.OPENAI_COMPAT
        return LocalAIAdapter(
            LocalAdapterConfig(backend=backend, base_url=known.base_url, model_name=rest or None, **settings), engines=engines
        )
    raise ConfigurationError(
        f"{spec!r} does not say who is to sit there.",
        hint="Write `tiny`, `gguf:PATH`, `http://HOST:PORT/v1#MODEL`, or a known server: "
        f"{', '.join(entry.name for entry in PRESETS)}; with a model as in `ollama:MODEL`.",
    )
