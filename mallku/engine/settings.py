"""How an engine is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

KvType = Literal["f16", "q8_0"]
"""Number format of the key-value memory: `q8_0` takes 17/32 of the room of `f16`."""

FastPath = Literal["off", "remembered", "check", "trust"]
"""Whether ggml's AMX code may run on a CPU that reports AMX, where it can crash in some virtual machines
(https://github.com/ggml-org/llama.cpp/issues/20824): never; only if a self-check of this build has passed before; run that self-check
in a child process if no result is remembered; always. Elsewhere it makes no difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Which file is loaded and with which means. Two equal settings can share one engine."""

    model_path: Path
    """The GGUF file; of a split model, the first part."""
    context_length: int | None = None
    """Most tokens of one request, prompt and answer together. None: 4096, or what the model was trained with if that is less."""
    cells: int | None = None
    """Tokens the key-value memory holds, all requests together; shared prefixes count once. None: `context_length` and room for the
    other seats' own parts, as far as `max_memory_gb` allows."""
    parallel: int = 32
    """Most requests that are computed at once; further ones wait."""
    gpu_layers: int = 0
    """Layers kept on the GPU; -1 is all of them."""
    expects_gpu: bool = True
    """Whether the engine's facts are to warn where `gpu_layers` ask for a GPU and the build knows none."""
    main_gpu: int = 0
    """GPU that holds what is not split."""
    tensor_split: tuple[float, ...] = ()
    """Share of the model on each GPU; empty leaves the choice to llama.cpp."""
    threads: int | None = None
    """Threads of one decode step. None: up to one for each physical core this process may use, fewer for small models and while other
    programs hold the processors; rounding, and with it a seeded text, may then differ from run to run."""
    max_memory_gb: float | None = None
    """Refuse to load what would take more than this, in 10^9 bytes of RAM and VRAM together. None is no limit."""
    kv_type: KvType = "f16"
    """Number format of the key-value memory."""
    flash_attention: bool | None = None
    """None leaves the choice to llama.cpp."""
    batch_tokens: int = 512
    """Most tokens computed in one step."""
    prefill_chunk: int = 128
    """Most prompt tokens computed in a step in which other requests are waiting for their next token."""
    smallest_batch: int | None = None
    """Fewest sequences that are decoded as one batch. None: 2, or 6 where fewer are known to be faster one after the other."""
    fast_path: FastPath = "check"
    """What is done on CPUs with AMX."""
    own_kernel: bool = True
    """Let mallku's kernel compute products of Q8_0 weights with a few columns, where it was compiled. Once in use, it is for all engines of
    the process."""
    embeddings: bool = False
    """Load for `embed` instead of `generate`; embedding models are recognised without it."""
    isolate: bool = False
    """Run in a child process, so that a crash in native code is an ordinary failure that can be retried."""

    def __hash__(self) -> int:
        # engines are looked up by their settings at every request, and few files are loaded in two ways
        return hash(self.model_path)
