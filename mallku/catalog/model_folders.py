"""Where LM Studio, Ollama, llama.cpp, Hugging Face and the user keep models, and the models that lie there."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mallku.catalog.model_facts import ModelFacts
from mallku.catalog.model_file import model_facts
from mallku.errors import ModelFileError

_DEEPEST: Final = 6
_MOST_ENTRIES: Final = 20_000
_LARGEST_MANIFEST: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A folder in which models lie."""

    source: str
    """Who keeps it."""
    path: Path
    """Where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModels:
    """What a search found."""

    models: tuple[ModelFacts, ...]
    """Models that can be read, each once."""
    unusable: tuple[tuple[Path, str], ...] = ()
    """Files that look like models and are none, each with the reason."""


def known_folders() -> tuple[ModelFolder, ...]:
    """Return the folders that exist on this machine."""
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    hub = os.environ.get("HF_HUB_CACHE") or str(Path(os.environ.get("HF_HOME") or cache / "huggingface") / "hub")
    candidates = (
        ("mallku", os.environ.get("MALLKU_MODELS") or data / "mallku" / "models"),
        ("LM Studio", home / ".lmstudio" / "models"),
        ("LM Studio", cache / "lm-studio" / "models"),
        ("Ollama", os.environ.get("OLLAMA_MODELS") or home / ".ollama" / "models"),
        ("Ollama", "/usr/share/ollama/.ollama/models"),
        ("llama.cpp", os.environ.get("LLAMA_CACHE") or cache / "llama.cpp"),
        ("llama.cpp", home / "Library" / "Caches" / "llama.cpp"),
        ("Hugging Face", hub),
        ("GPT4All", data / "nomic.ai" / "GPT4All"),
        ("Jan", data / "Jan" / "data" / "llamacpp" / "models"),
    )
    return tuple(ModelFolder(source=source, path=Path(path)) for source, path in candidates if Path(path).is_dir())


def find_model_files(folders: Iterable[ModelFolder] | None = None) -> FoundModels:
    """Read the headers of all models in the given folders, or in the known ones. Blocks; from asyncio call it in a thread."""
    models: dict[Path, ModelFacts] = {}
    unusable: list[tuple[Path, str]] = []
    for folder in known_folders() if folders is None else folders:
        found = _ollama(folder.path) if folder.source == "Ollama" else _plain(folder)
        for path, name in found:
            try:
                real = path.resolve()
                if real not in models:
                    models[real] = model_facts(path, name=name, source=folder.source)
            except ModelFileError as error:
                unusable.append((path, str(error)))
            except OSError as error:
                unusable.append((path, f"{str(path)!r} cannot be read: {error.strerror}."))
    return FoundModels(models=tuple(sorted(models.values(), key=lambda facts: facts.id.lower())), unusable=tuple(unusable))


def _plain(folder: ModelFolder) -> Iterator[tuple[Path, str]]:
    """Yield the models of a folder with their names: the first part of split files, and directories of SafeTensors files as one."""
    directories = set()
    for path in _files(folder.path):
        name = _hub_name(path)
        if path.suffix == ".gguf" and not _is_later_part(path):
            yield path, f"{name}/{path.stem}" if name else ""
        elif path.suffix == ".safetensors" and path.parent not in directories and (path.parent / "config.json").is_file():
            directories.add(path.parent)
            yield path.parent, name


def _files(root: Path) -> Iterator[Path]:
    """Walk a folder, not through links to directories, neither too deep nor too long."""
    waiting, seen = [(root, 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue
        for entry in entries:
            seen += 1
            if seen > _MOST_ENTRIES:
                return
            if entry.is_dir():
                if depth < _DEEPEST and not entry.is_symlink() and entry.name != "blobs":
                    waiting.append((entry, depth + 1))
            elif entry.suffix in {".gguf", ".safetensors"}:
                yield entry


def _is_later_part(path: Path) -> bool:
    stem, _, count = path.stem.rpartition("-of-")
    return count.isdigit() and not stem.endswith("-00001")


def _hub_name(path: Path) -> str:
    """Return `owner/model` for a file in Hugging Face's cache, whose folders are called `models--owner--model`; else empty."""
    for parent in path.parents:
        if parent.name.startswith("models--"):
            return parent.name.removeprefix("models--").replace("--", "/")
    return ""


def _ollama(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the weights that Ollama's manifests name: each is a GGUF file called after its digest."""
    manifests = root / "manifests"
    if not manifests.is_dir():
        return
    for seen, path in enumerate(sorted(manifests.glob("*/*/*/*"))):
        if seen > _MOST_ENTRIES:
            return
        owner, model, tag = path.parts[-3:]
        digest = _weights_digest(path)
        if digest:
            name = f"{model}:{tag}" if owner == "library" else f"{owner}/{model}:{tag}"
            yield root / "blobs" / digest.replace(":", "-"), name


def _weights_digest(manifest: Path) -> str:
    try:
        if not manifest.is_file() or manifest.stat().st_size > _LARGEST_MANIFEST:
            return ""
        data: Any = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    layers = data.get("layers") if isinstance(data, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, dict) and layer.get("mediaType") == "application/vnd.ollama.image.model":
            digest = layer.get("digest")
            kind, _, name = digest.partition(":") if isinstance(digest, str) else ("", "", "")
            return f"{kind}:{name}" if kind == "sha256" and name.isalnum() else ""
    return ""
