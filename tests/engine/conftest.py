"""Small random models of several architectures, written once for the whole run."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.gguf_models import write_bert, write_jamba, write_mamba, write_transformer


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Return the paths of a llama, a qwen2, a gemma2 and a gemma3 (sliding window), a mamba (recurrent), a jamba (hybrid) and a bert."""
    folder = tmp_path_factory.mktemp("models")
    paths = {name: write_transformer(folder / f"{name}.gguf", name) for name in ("llama", "qwen2", "gemma2", "gemma3")}
    others = {"mamba": write_mamba, "jamba": write_jamba, "bert": write_bert}
    return {**paths, **{name: write(folder / f"{name}.gguf") for name, write in others.items()}}
