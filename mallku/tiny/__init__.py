"""The bundled rehearsal model: a few million parameters that hold a practice deliberation offline, and know nothing."""

from pathlib import Path
from typing import Final

__all__ = ["REHEARSAL_MODEL_NAME", "REHEARSAL_NOTICE", "rehearsal_model_path"]

REHEARSAL_MODEL_NAME: Final = "mallku-rehearsal"
"""Name of the model, as its file and the catalog have it."""

REHEARSAL_NOTICE: Final = (
    "This is a rehearsal: the bundled model is a tiny practice voice whose words follow the form of a deliberation but carry no knowledge."
)
"""One sentence to print wherever the bundled model speaks."""


def rehearsal_model_path() -> Path:
    """Return where the bundled GGUF file lies."""
    return Path(__file__).with_name("rehearsal.gguf")
