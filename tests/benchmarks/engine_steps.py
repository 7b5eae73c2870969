"""What one decode step costs, in processor milliseconds on one core: by the number of sequences, with our kernel and without, and by
what the key-value memory holds. `python tests/benchmarks/engine_steps.py`

Each figure is the least of several steps, so that other programs on the machine do little to it.
"""

# ruff: noqa: T201 (a benchmark prints its table)

import argparse
import ctypes
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from engine import SIZES, with_length  # noqa: E402 (found through the path set above)
from support.gguf_models import write_transformer  # noqa: E402 (as above)

from mallku.engine.binding import LlamaBinding  # noqa: E402 (as above)
from mallku.engine.native.build import KERNEL  # noqa: E402 (as above)
from mallku.engine.planner import Copy, Drop, Run  # noqa: E402 (as above)
from mallku.engine.settings import EngineSettings  # noqa: E402 (as above)

SEQUENCES = (1, 2, 3, 4, 5, 6, 8, 16, 32)
PROMPT = 128
STEPS = 6
OTHERS = 40


def load(model, *, flash_attention=None):
    """Load a model for one thread."""
    settings = EngineSettings(model_path=model, context_length=4096, cells=8192, threads=1, flash_attention=flash_attention)
    return LlamaBinding(settings, lambda _: True)


def fill(binding, sequence, start, count):
    """Compute a prompt; return the milliseconds of a token."""
    began = time.process_time()
    for at in range(start, start + count, 500):
        tokens = [5 + at % 50] * min(500, start + count - at)
        binding.decode([Run(0, sequence, at, tokens, is_prompt=True, samples=True)])
    return 1000 * (time.process_time() - began) / count


def step(binding, sequences, held):
    """Let sequences share what sequence 0 holds and go on by themselves; return the milliseconds of the quickest step."""
    for sequence in range(1, sequences):
        binding.change_memory(Copy(0, sequence, 0, held))
    times = []
    for at in range(held, held + STEPS):
        runs = [Run(0, sequence, at, [30 + sequence], is_prompt=False, samples=True) for sequence in range(sequences)]
        began = time.process_time()
        binding.decode(runs)
        times.append(1000 * (time.process_time() - began))
    for sequence in range(1, sequences):
        binding.change_memory(Drop(sequence))
    binding.change_memory(Drop(0, held))
    return min(times)


def by_sequences(model):
    """Print a row for each way of computing products."""
    binding = load(model)
    ways = [("llama.cpp's kernels", 1), ("with our kernel", 1 << 20)] if binding.facts.own_kernel else [("llama.cpp's kernels", 1)]
    print(f"{'':24}{''.join(f'{count:8}' for count in SEQUENCES)}   {PROMPT} tokens of a prompt")
    for way, most in ways:
        if KERNEL.is_file():
            ctypes.CDLL(str(KERNEL)).mallku_set_columns(2, most)
        fill(binding, 0, 0, 100)
        times = [step(binding, count, 100) for count in SEQUENCES]
        print(f"{way:24}{''.join(f'{found:8.1f}' for found in times)}{PROMPT * fill(binding, 0, 100, PROMPT):10.1f}", flush=True)
        binding.change_memory(Drop(0))
    binding.close()


def by_memory(model):
    """Print what attention costs a step of five sequences."""
    for name, flash_attention in (("flash attention", True), ("plain attention", False)):
        binding = load(model, flash_attention=flash_attention)
        fill(binding, 0, 0, 100)
        short = step(binding, 5, 100)
        fill(binding, OTHERS, 0, 3000)
        crowded = step(binding, 5, 100)
        prompt = fill(binding, 0, 100, 500)
        binding.change_memory(Drop(OTHERS))
        fill(binding, 0, 600, 1400)
        long = step(binding, 5, 2000)
        print(
            f"{name}: 100 tokens before it {short:.1f}; and 3000 tokens of others in memory {crowded:.1f}; 2000 tokens before it {long:.1f}"
        )
        print(f"{'':17}a token of a prompt, with 3000 tokens of others in memory: {prompt:.1f}", flush=True)
        binding.close()


def main():
    """Measure one model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="0.1b", choices=SIZES)
    architecture, size = SIZES[parser.parse_args().size]
    with tempfile.TemporaryDirectory() as folder:
        model = write_transformer(Path(folder) / "model.gguf", architecture, with_length(size))
        by_sequences(model)
        by_memory(model)


if __name__ == "__main__":
    main()
