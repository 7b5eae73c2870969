"""Writes a checkpoint as GGUF, as llama.cpp reads it: F16 matrices, F32 norms, tied embedding."""

import argparse
import json
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer

from mallku.tiny import REHEARSAL_MODEL_NAME
from mallku.tiny.recipe.model import Shape
from mallku.tiny.recipe.packing import SPECIALS

CONTEXT: Final = 2048
"""Context length written into the file: the longest rows of the training."""

CHAT_TEMPLATE: Final = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
"""Renders system, user and assistant messages as the training had them."""


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorder the rows of each head from (i, i + half) pairs to neighbouring pairs."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def write_gguf(state: dict[str, torch.Tensor], tokenizer: Tokenizer, shape: Shape, path: Path) -> None:
    """Write the model file."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(REHEARSAL_MODEL_NAME)
    writer.add_description("A very small rehearsal voice for deliberations, trained from scratch on made-up text. Practice, not advice.")
    writer.add_license("MIT")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    _write_tokenizer(writer, tokenizer)
    for name, weight in state.items():
        full = name if name.endswith(".weight") else f"{name}.weight"
        values = weight.float()
        if name.endswith("attn_q.weight"):
            values = interleaved(values, shape.heads)
        if name.endswith("attn_k.weight"):
            values = interleaved(values, shape.kv_heads)
        writer.add_tensor(full, values.numpy().astype(np.float16 if values.ndim == 2 else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    learned: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(learned["vocab"], key=lambda token: learned["vocab"][token])
    kinds = [gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in learned["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_eot_token_id(0)
    writer.add_pad_token_id(SPECIALS.index("<|pad|>"))
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def main() -> None:
    """Export the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("rehearsal-run"))
    parser.add_argument("--gguf", type=Path, help="file to write; `rehearsal.gguf` in the run's folder if not given")
    chosen = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(chosen.into / "tokenizer.json"))
    saved = torch.load(chosen.into / "checkpoint.pt")
    target = chosen.gguf or chosen.into / "rehearsal.gguf"
    write_gguf(saved["network"], tokenizer, Shape(vocabulary=tokenizer.get_vocab_size()), target)
    print(f"{target}: {target.stat().st_size} bytes, step {saved['step']}")


if __name__ == "__main__":
    main()
