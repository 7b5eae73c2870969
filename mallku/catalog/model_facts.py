"""What is known about a model file from its header alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

ModelFormat = Literal["gguf", "safetensors"]
"""Format of a model file."""

_CARD_BYTES: Final = 1024
_TEXT_KEPT: Final = 120
_SILENT: Final = (
    "bert",
    "nomic-bert",
    "jina-bert",
    "modern-bert",
    "roberta",
    "clip",
    "t5encoder",
    "gemma-embedding",
    "whisper",
    "wavtokenizer",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A model on this machine."""

    id: str
    """The name by which it is asked for."""
    path: Path
    """The file, the first of several, or the directory."""
    format: ModelFormat
    """Format of its files."""
    architecture: str = ""
    """Kind of network, such as `llama`; empty if the file does not say."""
    parameters: int = 0
    """Weights in all tensors."""
    quantization: str = ""
    """Number format of most weights, such as `Q4_K_M` or `BF16`."""
    context_length: int | None = None
    """Tokens it was trained to hold, or None if the file does not say."""
    size_bytes: int = 0
    """Size of all its files."""
    tensor_count: int = 0
    """Tensors in all its files."""
    shards: int = 1
    """Files the weights are split into."""
    licence: str = ""
    """Licence named in the file, or empty."""
    chat_template: bool = False
    """Whether it brings a chat template."""
    created: int = 0
    """When the file was last changed, in seconds since 1970."""
    source: str = ""
    """Whose folder it lies in, such as `LM Studio`."""

    @property
    def speaks(self) -> bool:
        """Whether it generates text; embedding, vision and audio parts do not."""
        return not self.architecture.startswith(_SILENT) and "mmproj" not in self.id.lower()

    def card(self) -> dict[str, Any]:
        """Return a model card as plain data, whose JSON is shorter than 1 KB; extends the model object of OpenAI's protocol."""
        card: dict[str, Any] = {
            "id": _short(self.id),
            "object": "model",
            "created": self.created,
            "owned_by": _short(self.source or "local"),
            "quantization": _short(self.quantization),
            "file_size_mb": round(self.size_bytes / 1e6, 1),
            "tensor_count": self.tensor_count,
            "format": self.format,
            "architecture": _short(self.architecture),
            "parameters": self.parameters,
            "context_length": self.context_length,
            "shards": self.shards,
            "license": _short(self.licence),
            "chat_template": self.chat_template,
        }
        assert len(json.dumps(card)) < _CARD_BYTES
        return card

    def to_data(self) -> Mapping[str, Any]:
        """Return the card with the path, for people and programs on this machine."""
        return {**self.card(), "path": str(self.path), "speaks": self.speaks}


def _short(text: str) -> str:
    """Cut a text so that its JSON, in which a character may take six bytes, stays small."""
    kept = text[:_TEXT_KEPT]
    while len(json.dumps(kept)) > _TEXT_KEPT:
        kept = kept[:-1]
    return kept
