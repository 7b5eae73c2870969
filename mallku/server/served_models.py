"""From the settings to the models that are served: files, servers elsewhere, the rehearsal model."""

from pathlib import Path

from mallku.assembly.seating import TINY
from mallku.catalog.gguf_header import read_gguf_header
from mallku.catalog.model_file import model_facts
from mallku.catalog.model_folders import ModelFolder, find_model_files
from mallku.engine import EngineSettings
from mallku.errors import ConfigurationError
from mallku.firecircle.adapters.spec import participant_from_spec
from mallku.server.backend import Backend, ModelCard
from mallku.server.engine_backend import EngineBackend, EngineModel, TemplateTraits
from mallku.server.participant_backend import ParticipantBackend
from mallku.server.residency import Residency
from mallku.server.settings import ServerSettings
from mallku.tiny import rehearsal_model_path


def served_models(settings: ServerSettings, residency: Residency) -> list[Backend]:
    """Return the backends of all models the settings name; raises `ConfigurationError` or a `ModelFileError`."""
    backends: list[Backend] = [_from_line(line, settings, residency) for line in settings.models]
    for directory in settings.model_directories:
        if not directory.is_dir():
            raise ConfigurationError(f"There is no directory {str(directory)!r}.", hint="Correct model_directories.")
        backends += _found([ModelFolder(source=str(directory), path=directory)], settings, residency)
    if not settings.models and not settings.model_directories:
        backends += _found(None, settings, residency) or [_from_line(TINY, settings, residency)]
    names = [backend.card.id for backend in backends]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"Two models are called {twice!r}.", hint="Give one of them another name: `NAME=PATH`.")
    return backends


def model_line(line: str) -> tuple[str, str]:
    """Read `[NAME=]SPEC` to name, perhaps empty, and spec; an equals sign behind a slash or colon belongs to a path or an address."""
    name, equals, spec = line.partition("=")
    if not equals or "/" in name or ":" in name:
        name, spec = "", line
    spec = spec.strip()
    if spec.endswith(".gguf") and not spec.startswith("gguf:"):
        spec = f"gguf:{spec}"
    return name.strip(), spec


def _from_line(line: str, settings: ServerSettings, residency: Residency) -> Backend:
    name, spec = model_line(line)
    if spec == TINY:
        return _from_file(name or TINY, rehearsal_model_path(), settings, residency)
    if spec.startswith("gguf:"):
        path = Path(spec.removeprefix("gguf:")).expanduser()
        return _from_file(name or path.stem, path, settings, residency)
    participant = participant_from_spec(spec, allow_remote=settings.allow_remote)
    return ParticipantBackend(name or spec, participant, total_s=settings.request_timeout_s)


def _found(folders: list[ModelFolder] | None, settings: ServerSettings, residency: Residency) -> list[Backend]:
    """Return the GGUF files of folders, or of those where other programs keep theirs; of two with one name, the first."""
    first = {facts.id: facts for facts in reversed(find_model_files(folders).models) if facts.format == "gguf"}
    return [_from_file(name, facts.path, settings, residency) for name, facts in sorted(first.items())]


def _from_file(name: str, path: Path, settings: ServerSettings, residency: Residency) -> EngineBackend:
    facts = model_facts(path, name=name)
    if facts.format != "gguf":
        raise ConfigurationError(f"{str(path)!r} is not a GGUF file.", hint="Convert it to GGUF; other formats are not run here.")
    shown = {name: value for name, value in facts.card().items() if name not in {"id", "object", "created", "owned_by"}}
    engine = EngineSettings(
        model_path=path.resolve(),
        context_length=settings.context_length,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
        isolate=settings.isolate,
    )
    card = ModelCard(id=name, created=facts.created, facts=shown)
    traits = TemplateTraits.of(_template(path))
    return EngineBackend(EngineModel(card=card, settings=engine, traits=traits, embeds=not facts.speaks), residency)


def _template(path: Path) -> str:
    """Return the chat template of a file, or nothing."""
    template = read_gguf_header(path).metadata.get("tokenizer.chat_template", "")
    return template if isinstance(template, str) else ""
