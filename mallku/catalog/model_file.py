"""Facts about one model on disk: a GGUF or SafeTensors file, split or whole, or a directory of them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mallku.catalog.gguf_header import GgufHeader, read_gguf_header
from mallku.catalog.gguf_numbers import FILE_TYPES
from mallku.catalog.model_facts import ModelFacts
from mallku.catalog.safetensors_header import read_safetensors_header
from mallku.errors import ModelFileInvalid, ModelFileMissing

_PART: Final = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.gguf|\.safetensors)$")
_MOST_PARTS: Final = 512
_LARGEST_JSON: Final = 16 * 1024 * 1024
_MOST_PAIRS: Final = 400_000


def model_facts(path: Path | str, *, name: str = "", source: str = "") -> ModelFacts:
    """Read what is known about the model at `path` from headers only.

    Args:
        path: A GGUF or SafeTensors file, the first part of a split one, or a directory with the files of one model.
        name: The name it goes by; that of the file or directory if empty.
        source: Whose folder it lies in.

    Raises:
        ModelFileMissing: There is nothing, or a part is missing.
        ModelFileInvalid: It is no model, or a hostile one.
    """
    path = Path(path)
    if path.is_dir():
        return _directory(path, name, source)
    if not path.is_file():
        raise ModelFileMissing(f"There is no file {str(path)!r}.", hint="Check the path; `mallku models` lists what is here.")
    parts = parts_of(path)
    with parts[0].open("rb") as file:
        is_gguf = file.read(4) == b"GGUF"
    if is_gguf:
        return _gguf(parts, name, source)
    if path.suffix == ".safetensors":
        return _safetensors(parts, name or parts[0].stem, source, path.parent)
    raise ModelFileInvalid(f"{str(path)!r} is neither a GGUF nor a SafeTensors file.", hint="Give a `.gguf` or `.safetensors` file.")


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return all files of a split model, or the one file of a whole one; raises `ModelFileMissing` if a part is not there."""
    found = _PART.match(path.name)
    if found is None:
        return (path,)
    count = int(found["count"])
    if not 1 <= count <= _MOST_PARTS:
        raise ModelFileInvalid(f"{path.name!r} claims to be split into {count} parts.", hint="Get the file again.")
    parts = tuple(path.with_name(f"{found['stem']}-{number:05d}-of-{count:05d}{found['suffix']}") for number in range(1, count + 1))
    for part in parts:
        if not part.is_file():
            raise ModelFileMissing(f"The part {part.name!r} of {path.name!r} is missing.", hint="Get all parts into one folder.")
    return parts


def _gguf(parts: tuple[Path, ...], name: str, source: str) -> ModelFacts:
    headers = [read_gguf_header(part) for part in parts]
    first = headers[0].metadata
    architecture = str(first.get("general.architecture", ""))
    context = first.get(f"{architecture}.context_length")
    found = _PART.match(parts[0].name)
    return ModelFacts(
        id=name or (found["stem"] if found else parts[0].stem),
        path=parts[0],
        format="gguf",
        architecture=architecture,
        parameters=sum(header.parameters for header in headers),
        quantization=_gguf_quantization(headers),
        context_length=context if isinstance(context, int) and context > 0 else None,
        size_bytes=sum(header.size_bytes for header in headers),
        tensor_count=sum(header.tensor_count for header in headers),
        shards=len(parts),
        licence=str(first.get("general.license", "")),
        chat_template="tokenizer.chat_template" in first,
        created=int(parts[0].stat().st_mtime),
        source=source,
    )


def _gguf_quantization(headers: list[GgufHeader]) -> str:
    number = headers[0].metadata.get("general.file_type")
    if isinstance(number, int) and number in FILE_TYPES:
        return FILE_TYPES[number]
    return _commonest(*(header.weights_by_type for header in headers))


def _directory(path: Path, name: str, source: str) -> ModelFacts:
    ggufs = sorted(path.glob("*.gguf"))
    index = path / "model.safetensors.index.json"
    if index.is_file():
        return _safetensors(_indexed(index), name or path.name, source, path)
    tensors = sorted(path.glob("*.safetensors"))
    if tensors:
        return _safetensors(tuple(tensors[:_MOST_PARTS]), name or path.name, source, path)
    if ggufs:
        speaking = [file for file in ggufs if "mmproj" not in file.name] or ggufs
        return model_facts(speaking[0], name=name, source=source)
    raise ModelFileMissing(f"There is no model in {str(path)!r}.", hint="Give a folder with `.gguf` or `.safetensors` files.")


def _indexed(index: Path) -> tuple[Path, ...]:
    """Return the files that an index names; they must lie beside it."""
    table = _json(index).get("weight_map")
    names = {name for name in table.values() if isinstance(name, str)} if isinstance(table, dict) else set()
    if not names or len(names) > _MOST_PARTS:
        raise ModelFileInvalid(f"{str(index)!r} names {len(names)} files.", hint="Get the index again.")
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelFileInvalid(f"{str(index)!r} names {name[:60]!r}, which does not lie beside it.", hint="Get the index again.")
    parts = tuple(index.with_name(name) for name in sorted(names))
    for part in parts:
        if not part.is_file():
            raise ModelFileMissing(f"The part {part.name!r} of {str(index.parent)!r} is missing.", hint="Get all parts into one folder.")
    return parts


def _safetensors(parts: tuple[Path, ...], name: str, source: str, folder: Path) -> ModelFacts:
    headers = [read_safetensors_header(part) for part in parts]
    config = _json(folder / "config.json")
    tokenizer = _json(folder / "tokenizer_config.json")
    context = config.get("max_position_embeddings")
    method = config.get("quantization_config")
    quantization = str(method.get("quant_method", "")).upper() if isinstance(method, dict) else ""
    return ModelFacts(
        id=name,
        path=folder if len(parts) > 1 else parts[0],
        format="safetensors",
        architecture=str(config.get("model_type", "")),
        parameters=sum(header.parameters for header in headers),
        quantization=quantization or _commonest(*(header.weights_by_type for header in headers)),
        context_length=context if isinstance(context, int) and context > 0 else None,
        size_bytes=sum(header.size_bytes for header in headers),
        tensor_count=sum(header.tensor_count for header in headers),
        shards=len(parts),
        licence=headers[0].metadata.get("license", ""),
        chat_template="chat_template" in tokenizer or (folder / "chat_template.jinja").is_file(),
        created=int(parts[0].stat().st_mtime),
        source=source,
    )


def _commonest(*tables: Mapping[str, int]) -> str:
    together: dict[str, int] = {}
    for table in tables:
        for kind, weights in table.items():
            together[kind] = together.get(kind, 0) + weights
    return max(together, key=together.__getitem__, default="")


def _json(path: Path) -> dict[str, Any]:
    """Return a table beside the weights; empty if there is none or it is none, for it only adds to what the weights say."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_JSON:
            return {}
        raw = path.read_bytes()
        # read, pairs take many times the bytes they stand in; no index or tokenizer has so many
        data = {} if raw.count(b":") > _MOST_PAIRS or raw.count(b",") > _MOST_PAIRS else json.loads(raw)
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
