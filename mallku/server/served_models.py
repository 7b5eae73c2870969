"""From the settings to the models that are served: files, servers elsewhere, the rehearsal model."""

from pathlib import Path
from typing import Any, Final

from mallku.engine import EngineSettings
from mallku.errors import ConfigurationError, ModelFileMissing
from mallku.firecircle.adapters.spec import participant_from_spec
from mallku.server.backend import Backend, ModelCard
from mallku.server.engine_backend import EngineBackend, EngineModel, TemplateTraits
from mallku.server.participant_backend import ParticipantBackend
from mallku.server.residency import Residency
from mallku.server.settings import ServerSettings

_TINY: Final = "tiny"
_REHEARSAL: Final = Path(__file__).parents[1] / "tiny" / "rehearsal.gguf"


def served_models(settings: ServerSettings, residency: Residency) -> list[Backend]:
    """Return the backends of all models the settings name; raises `ConfigurationError` or `ModelFileMissing`."""
    backends: list[Backend] = [_from_line(line, settings, residency) for line in settings.models]
    for directory in settings.model_directories:
        if not directory.is_dir():
            raise ConfigurationError(f"There is no directory {str(directory)!r}.", hint="Correct model_directories.")
        backends += [_from_file(path.stem, path, settings, residency) for path in sorted(directory.rglob("*.gguf")) if _is_first_part(path)]
    if not settings.models and not settings.model_directories and _REHEARSAL.is_file():
        backends.append(_from_file(_TINY, _REHEARSAL, settings, residency))
    names = [backend.card.id for backend in backends]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"Two models are called {twice!r}.", hint="Give one of them another name: `NAME=PATH`.")
    return backends


def _from_line(line: str, settings: ServerSettings, residency: Residency) -> Backend:
    """Read `[NAME=]SPEC`; an equals sign that belongs to a path or an address stands behind a slash."""
    name, equals, spec = line.partition("=")
    if not equals or "/" in name or ":" in name:
        name, spec = "", line
    spec = spec.strip()
    if spec == _TINY:
        return _from_file(name or _TINY, _REHEARSAL, settings, residency)
    if spec.startswith("gguf:") or spec.endswith(".gguf"):
        path = Path(spec.removeprefix("gguf:")).expanduser()
        return _from_file(name or path.stem, path, settings, residency)
    participant = participant_from_spec(spec, allow_remote=settings.allow_remote)
    return ParticipantBackend(name or spec, participant, total_s=settings.request_timeout_s)


def _from_file(name: str, path: Path, settings: ServerSettings, residency: Residency) -> EngineBackend:
    if not path.is_file():
        raise ModelFileMissing(f"There is no model file {str(path)!r}.", hint="Give the path of a GGUF file.")
    status = path.stat()
    facts, template = _facts(path)
    card = ModelCard(id=name, created=int(status.st_mtime), facts={"file_size_mb": round(status.st_size / 1e6, 1), **facts})
    engine = EngineSettings(
        model_path=path.resolve(),
        context_length=settings.context_length,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
        isolate=settings.isolate,
    )
    return EngineBackend(EngineModel(card=card, settings=engine, traits=TemplateTraits.of(template)), residency)


def _facts(path: Path) -> tuple[dict[str, Any], str]:
    """Return what the file says of itself and its chat template."""
    return {"file": path.name}, ""


def _is_first_part(path: Path) -> bool:
    """Tell whether a file is a whole model, or the first part of a split one."""
    return "-of-" not in path.stem or "-00001-of-" in path.stem
