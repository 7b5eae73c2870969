"""How much memory a model will take, reckoned before it is loaded. Pure arithmetic over the model's shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mallku.engine.settings import EngineSettings, KvType
from mallku.errors import ConfigurationError, ModelTooLarge

DEFAULT_CONTEXT: Final = 4096
"""Window of one request where none is asked for and the model was trained with as much."""

_MOST_PARALLEL: Final = 63
"""llama.cpp has 256 sequence ids (LLAMA_MAX_SEQ): one for every running request, one for what it leaves behind, and their twins."""
_STATEFUL_PARALLEL: Final = 8
_EMBEDDED_AT_ONCE: Final = 16
_CELLS_STEP: Final = 256
_BYTES_PER_ELEMENT: Final[dict[KvType, float]] = {"f16": 2.0, "q8_0": 34 / 32}
_BYTES_PER_TOKEN_TEXT: Final = 400
"""llama.cpp's tables of the vocabulary, and of its merges: text to token, token to text, pair to rank."""
_GB: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a model file says about itself, as far as memory depends on it."""

    architecture: str
    """Such as `llama`."""
    file_type: str
    """Number of llama.cpp's file type: the format of most weights."""
    weights_bytes: int
    """Size of all tensors."""
    layers: int
    """Number of blocks."""
    kv_heads: tuple[int, ...]
    """Key-value heads of each block; 0 where a block has no attention."""
    key_length: int
    """Elements of one key head."""
    value_length: int
    """Elements of one value head."""
    width: int
    """Elements of the residual stream."""
    feed_forward: int
    """Elements of the widest feed-forward layer."""
    heads: int
    """Query heads."""
    vocabulary: int
    """Number of tokens."""
    trained_length: int
    """Tokens the model was trained to read at once."""
    window: int
    """Width of sliding-window attention, or 0."""
    is_stateful: bool
    """Whether it is recurrent or hybrid: one state per sequence, which cannot be cut."""
    state_bytes: int
    """Size of one such state."""
    embeds: bool
    """Whether it embeds texts and does not generate."""
    is_encoder: bool
    """Whether it reads a text at once and keeps nothing of it: no key-value memory, and no more positions than it was trained with."""
    pools: bool
    """Whether it says how the vectors of a text's tokens become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """What will be taken, and the sizes that were settled with it."""

    weights_bytes: int
    """Weights."""
    cache_bytes: int
    """Key-value memory and recurrent states."""
    buffer_bytes: int
    """Buffers of the computation, an upper estimate."""
    context_length: int
    """Most tokens of one request."""
    cells: int
    """Tokens in the key-value memory."""
    parallel: int
    """Most requests at once."""
    sequences: int
    """Sequence ids."""
    batch_tokens: int
    """Most tokens of a step."""
    shares_prefixes: bool
    """Whether memory can be shared."""

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.cache_bytes + self.buffer_bytes


def plan_memory(settings: EngineSettings, shape: Shape) -> MemoryNeed:
    """Settle the sizes an engine is loaded with; raises `ModelTooLarge`, with the figures, if they exceed `max_memory_gb`."""
    default = min(DEFAULT_CONTEXT, shape.trained_length or DEFAULT_CONTEXT)
    window = default if settings.context_length is None else settings.context_length
    if window < 1 or settings.parallel < 1 or settings.batch_tokens < 1 or (settings.cells is not None and settings.cells < window):
        raise ConfigurationError(
            f"context_length {settings.context_length!r}, cells {settings.cells!r}, parallel {settings.parallel!r} and "
            f"batch_tokens {settings.batch_tokens!r} do not go together.",
            hint="Each is at least 1, and cells is at least context_length.",
        )
    if shape.is_encoder and shape.trained_length:
        window = min(window, shape.trained_length)
    wishes = [2 * window + 4096, window + 2048, window]
    if shape.embeds:
        wishes = [max(window, settings.batch_tokens)]
    elif settings.cells is not None:
        wishes = [settings.cells]
    needs = [_need(settings, shape, window, cells) for cells in wishes]
    limit = settings.max_memory_gb
    for need in needs:
        if limit is None or need.total_bytes <= round(limit * _GB):
            return need
    least = needs[-1]
    raise ModelTooLarge(
        f"The model {settings.model_path.name!r} would take {_gb(least.total_bytes)}: weights {_gb(least.weights_bytes)}, "
        f"key-value memory for {least.cells} tokens {_gb(least.cache_bytes)}, buffers {_gb(least.buffer_bytes)}; "
        f"max_memory_gb is {limit}.",
        hint="Choose a smaller model or a smaller context_length, set kv_type to 'q8_0', or raise max_memory_gb.",
    )


def _need(settings: EngineSettings, shape: Shape, window: int, cells: int) -> MemoryNeed:
    cells = -(-cells // _CELLS_STEP) * _CELLS_STEP
    parallel = min(settings.parallel, _STATEFUL_PARALLEL if shape.is_stateful else _MOST_PARALLEL)
    sequences = 2 * parallel + 1
    if shape.is_stateful:
        sequences = parallel
    elif shape.embeds:
        sequences = _EMBEDDED_AT_ONCE
    batch = max(settings.batch_tokens, 2 * parallel, window if shape.embeds else 0)
    # Rows of logits: computed, and handed out. An embedding context has room for those of every token; an encoder computes none.
    rows = (1 if shape.is_encoder else 2) * (batch if shape.embeds else sequences)
    cache = cells * _cell_bytes(shape, settings.kv_type) + sequences * shape.state_bytes
    return MemoryNeed(
        weights_bytes=shape.weights_bytes,
        cache_bytes=0 if shape.is_encoder else cache,
        buffer_bytes=_buffer_bytes(shape, batch=batch, outputs=rows, cells=cells, scores=settings.flash_attention is False),
        context_length=window,
        cells=cells,
        parallel=parallel,
        sequences=sequences,
        batch_tokens=batch,
        shares_prefixes=not shape.is_stateful,
    )


def _cell_bytes(shape: Shape, kv_type: KvType) -> int:
    """Bytes that one token takes in the key-value memory of all blocks."""
    return int(sum(shape.kv_heads) * (shape.key_length + shape.value_length) * _BYTES_PER_ELEMENT[kv_type])


def _buffer_bytes(shape: Shape, *, batch: int, outputs: int, cells: int, scores: bool) -> int:
    """Estimate what a step has alive at once: activations, logits, attention's mask and, if it keeps them, scores; and the vocabulary."""
    activations = batch * (6 * shape.width + 3 * shape.feed_forward) * 4
    logits = outputs * shape.vocabulary * 4
    attention = batch * cells * (6 + 4 * shape.heads * scores)
    return activations + logits + attention + shape.vocabulary * _BYTES_PER_TOKEN_TEXT


def _gb(count: int) -> str:
    return f"{count / _GB:.2f} GB"


def per_layer(value: str, layers: int) -> tuple[int, ...]:
    """Read a per-layer figure, which is one number or a list such as `[8, 0, 8]`."""
    numbers = [int(float(part)) for part in value.strip("[] ").split(",") if part.strip()]
    return tuple(_cycle(numbers, layers))


def _cycle(numbers: Sequence[int], length: int) -> list[int]:
    return [numbers[index % len(numbers)] for index in range(length)] if numbers else [0] * length
