"""Small GGUF files with random weights, made on the fly: several architectures over one byte-level tokenizer.

Weights are drawn so that logits are well apart, and rounding does not change which token is likeliest; the end token never is.
"""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
STRICT = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "<|im_start|>{{ message.role }}\n{{ message.content | trim }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)
END = "<|im_end|>"
WORDS = ("the", "and", "ing", "water", "circle", "because", "should", "question", "garden", "people")


BLOCKS = {"Q8_0": (34, 0, 73.9), "Q4_0": (18, 0x88, 4.6)}
"""Bytes of a block of 32 numbers, which bytes mean 0, and the standard deviation of evenly drawn ones."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Sizes of a model; the defaults load in a few milliseconds."""

    layers: int = 2
    width: int = 64
    heads: int = 2
    kv_heads: int = 1
    feed_forward: int = 128
    trained_length: int = 2048
    vocabulary: int = 0
    number_format: str = "F32"
    """F32, F16, Q8_0 or Q4_0."""


def byte_characters() -> list[str]:
    """Return GPT-2's printable stand-in for each of the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in plain else next(spare)) for byte in range(256)]


def tokenizer(vocabulary: int = 0) -> tuple[list[str], list[str], list[int]]:
    """Return tokens, merges and token types: bytes, a few words, control tokens, one look-alike, and fillers up to `vocabulary`."""
    characters = byte_characters()
    space = characters[32]
    tokens, merges = list(characters), []
    for word in WORDS:
        for text in (word, space + word):
            left = text[0]
            for right in text[1:]:
                if left + right not in tokens:
                    tokens.append(left + right)
                    merges.append(f"{left} {right}")
                left += right
    types = [gguf.TokenType.NORMAL] * len(tokens)
    for control in ("<|begin|>", "<|im_start|>", END, "<|end|>"):
        tokens.append(control)
        types.append(gguf.TokenType.CONTROL)
    tokens.append("<think>")
    types.append(gguf.TokenType.USER_DEFINED)
    while len(tokens) < vocabulary:
        tokens.append(f"{characters[0]}{len(tokens)}")
        types.append(gguf.TokenType.NORMAL)
    return tokens, merges, types


class _Weights:
    def __init__(self, writer: gguf.GGUFWriter, seed: int, number_format: str = "F32") -> None:
        self.writer, self.random, self.number_format = writer, np.random.default_rng(seed), number_format

    def matrix(self, name: str, rows: int, columns: int, scale: float = 1.0, *, silent: int | None = None) -> None:
        """Draw a matrix; its row `silent` is zero, so that a token is never the likeliest."""
        if self.number_format in BLOCKS and columns % 32 == 0:
            self.blocks(name, rows, columns, scale, silent)
            return
        data = self.random.standard_normal((rows, columns), dtype=np.float32) * np.float32(scale / columns**0.5)
        if silent is not None:
            data[silent] = 0
        self.writer.add_tensor(name, data.astype(np.float16 if self.number_format == "F16" else np.float32))

    def tensor(self, name: str, data: np.ndarray) -> None:
        self.writer.add_tensor(name, data.astype(np.float32))

    def blocks(self, name: str, rows: int, columns: int, scale: float, silent: int | None) -> None:
        """Draw a matrix straight as blocks of one 16-bit scale and 32 numbers."""
        length, zero, deviation = BLOCKS[self.number_format]
        raw = self.random.integers(0, 256, (rows, columns // 32, length), dtype=np.uint8)
        raw[:, :, :2] = np.frombuffer(np.float16(scale / columns**0.5 / deviation).tobytes(), np.uint8)
        if silent is not None:
            raw[silent, :, 2:] = zero
        kind = gguf.GGMLQuantizationType[self.number_format]
        self.writer.add_tensor(name, raw.reshape(rows, columns // 32 * length), raw_dtype=kind)

    def ones(self, name: str, size: int, value: float = 1.0) -> None:
        self.tensor(name, np.full(size, value, np.float32))

    def zeros(self, name: str, size: int) -> None:
        self.tensor(name, np.zeros(size, np.float32))


def _begin(path: Path, architecture: str, size: Size, *, template: str, add_bos: bool) -> tuple[gguf.GGUFWriter, int]:
    writer = gguf.GGUFWriter(path, architecture)
    tokens, merges, types = tokenizer(size.vocabulary)
    writer.add_name(f"random {architecture}")
    writer.add_context_length(size.trained_length)
    writer.add_file_type(gguf.LlamaFileType["ALL_F32" if size.number_format == "F32" else f"MOSTLY_{size.number_format}"])
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.feed_forward)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_merges(merges)
    writer.add_token_types(types)
    writer.add_bos_token_id(tokens.index("<|begin|>"))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_add_bos_token(add_bos)
    if template:
        writer.add_chat_template(template)
    return writer, len(tokens)


def _end(size: Size) -> int:
    return tokenizer(size.vocabulary)[0].index(END)


def _attention_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokenizer(size.vocabulary)[0]))


def _finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_transformer(
    path: Path, architecture: str = "llama", size: Size | None = None, *, seed: int = 1, template: str = CHATML, add_bos: bool = False
) -> Path:
    """Write a llama, a qwen2 (attention biases), a gemma2 or a gemma3 (sliding window in every other layer, in five of six)."""
    size = size or Size(layers=6 if architecture == "gemma3" else 2)
    writer, vocabulary = _begin(path, architecture, size, template=template, add_bos=add_bos)
    _attention_facts(writer, size)
    weights = _Weights(writer, seed, size.number_format)
    head = size.width // size.heads
    is_gemma = architecture in {"gemma2", "gemma3"}
    if is_gemma:
        writer.add_key_length(head)
        writer.add_value_length(head)
        writer.add_sliding_window(32)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(50.0)
        writer.add_final_logit_softcapping(30.0)
    if architecture == "llama":
        writer.add_rope_dimension_count(head)
    weights.matrix("token_embd.weight", vocabulary, size.width, 8.0, silent=_end(size))
    weights.ones("output_norm.weight", size.width)
    if not is_gemma:
        weights.matrix("output.weight", vocabulary, size.width, 6.0, silent=_end(size))
    for layer in range(size.layers):
        name = f"blk.{layer}"
        weights.ones(f"{name}.attn_norm.weight", size.width)
        _attention(weights, name, size)
        _feed_forward(weights, name, size)
        if architecture == "qwen2":
            weights.zeros(f"{name}.attn_q.bias", size.heads * head)
            weights.zeros(f"{name}.attn_k.bias", size.kv_heads * head)
            weights.zeros(f"{name}.attn_v.bias", size.kv_heads * head)
        if architecture == "gemma3":
            weights.ones(f"{name}.attn_q_norm.weight", head)
            weights.ones(f"{name}.attn_k_norm.weight", head)
        if is_gemma:
            weights.ones(f"{name}.post_attention_norm.weight", size.width, 30.0)
            weights.ones(f"{name}.post_ffw_norm.weight", size.width, 30.0)
    return _finish(writer, path)


def write_mamba(path: Path, size: Size | None = None, *, seed: int = 1) -> Path:
    """Write a recurrent model, whose memory is one state per sequence."""
    return _write_recurrent(path, "mamba", size or Size(), seed)


def write_jamba(path: Path, size: Size | None = None, *, seed: int = 1) -> Path:
    """Write a hybrid model: recurrent layers and layers with attention take turns."""
    return _write_recurrent(path, "jamba", size or Size(layers=4), seed)


def _write_recurrent(path: Path, architecture: str, size: Size, seed: int) -> Path:
    is_hybrid = architecture == "jamba"
    writer, vocabulary = _begin(path, architecture, size, template=CHATML, add_bos=False)
    inner, state, kernel, rank = 2 * size.width, 16, 4, 8
    writer.add_head_count(size.heads if is_hybrid else 0)
    if is_hybrid:
        writer.add_head_count_kv([size.kv_heads * (layer % 2) for layer in range(size.layers)])
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    writer.add_layer_norm_rms_eps(1e-5)
    weights = _Weights(writer, seed)
    weights.matrix("token_embd.weight", vocabulary, size.width, 8.0, silent=_end(size))
    weights.matrix("output.weight", vocabulary, size.width, 6.0, silent=_end(size))
    weights.ones("output_norm.weight", size.width)
    for layer in range(size.layers):
        name = f"blk.{layer}"
        weights.ones(f"{name}.attn_norm.weight", size.width)
        if is_hybrid:
            _feed_forward(weights, name, size)
        if is_hybrid and layer % 2:
            _attention(weights, name, size)
            continue
        weights.matrix(f"{name}.ssm_in.weight", 2 * inner, size.width)
        weights.matrix(f"{name}.ssm_conv1d.weight", inner, kernel)
        weights.zeros(f"{name}.ssm_conv1d.bias", inner)
        weights.matrix(f"{name}.ssm_x.weight", rank + 2 * state, inner)
        weights.matrix(f"{name}.ssm_dt.weight", inner, rank)
        weights.ones(f"{name}.ssm_dt.bias", inner, -4.0)
        weights.tensor(f"{name}.ssm_a", -np.tile(np.arange(1, state + 1, dtype=np.float32), (inner, 1)))
        weights.ones(f"{name}.ssm_d", inner)
        weights.matrix(f"{name}.ssm_out.weight", size.width, inner, 8.0)
        if is_hybrid:
            weights.ones(f"{name}.ssm_dt_norm.weight", rank)
            weights.ones(f"{name}.ssm_b_norm.weight", state)
            weights.ones(f"{name}.ssm_c_norm.weight", state)
    return _finish(writer, path)


def _attention(weights: _Weights, name: str, size: Size) -> None:
    head = size.width // size.heads
    weights.matrix(f"{name}.attn_q.weight", size.heads * head, size.width, 2.0)
    weights.matrix(f"{name}.attn_k.weight", size.kv_heads * head, size.width, 2.0)
    weights.matrix(f"{name}.attn_v.weight", size.kv_heads * head, size.width)
    weights.matrix(f"{name}.attn_output.weight", size.width, size.heads * head)


def _feed_forward(weights: _Weights, name: str, size: Size) -> None:
    weights.ones(f"{name}.ffn_norm.weight", size.width)
    weights.matrix(f"{name}.ffn_gate.weight", size.feed_forward, size.width)
    weights.matrix(f"{name}.ffn_up.weight", size.feed_forward, size.width)
    weights.matrix(f"{name}.ffn_down.weight", size.width, size.feed_forward)


def write_bert(path: Path, size: Size | None = None, *, seed: int = 1) -> Path:
    """Write an embedding model: an encoder whose outputs are averaged."""
    size = size or Size(trained_length=256)
    writer, vocabulary = _begin(path, "bert", size, template="", add_bos=True)
    writer.add_head_count(size.heads)
    writer.add_layer_norm_eps(1e-5)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(1)
    weights = _Weights(writer, seed)
    weights.matrix("token_embd.weight", vocabulary, size.width, 8.0, silent=_end(size))
    weights.matrix("token_types.weight", 1, size.width)
    weights.matrix("position_embd.weight", size.trained_length, size.width)
    weights.ones("token_embd_norm.weight", size.width)
    weights.zeros("token_embd_norm.bias", size.width)
    for layer in range(size.layers):
        name = f"blk.{layer}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights.matrix(f"{name}.{part}.weight", size.width, size.width)
            weights.zeros(f"{name}.{part}.bias", size.width)
        for part in ("attn_output_norm", "layer_output_norm"):
            weights.ones(f"{name}.{part}.weight", size.width)
            weights.zeros(f"{name}.{part}.bias", size.width)
        weights.matrix(f"{name}.ffn_up.weight", size.feed_forward, size.width)
        weights.zeros(f"{name}.ffn_up.bias", size.feed_forward)
        weights.matrix(f"{name}.ffn_down.weight", size.width, size.feed_forward)
        weights.zeros(f"{name}.ffn_down.bias", size.width)
    return _finish(writer, path)
