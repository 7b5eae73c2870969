"""A trial run of llama.cpp with all optimisations, in a process of its own that may die: `python -m mallku.engine.trial_run MODEL`."""

import sys
from pathlib import Path
from typing import Final

from mallku.engine.binding import LlamaBinding
from mallku.engine.planner import Run
from mallku.engine.settings import EngineSettings

_BATCH: Final = 48


def main() -> None:
    """Load the model and compute a long batch, one token and a few tokens: the shapes that take different paths in ggml."""
    settings = EngineSettings(model_path=Path(sys.argv[1]), context_length=256, cells=256, parallel=2, fast_path="trust")
    binding = LlamaBinding(settings, lambda _: True)
    for start, count in ((0, _BATCH), (_BATCH, 1), (_BATCH + 1, 7)):
        binding.decode([Run(1, 0, start, [1] * count, is_prompt=True, samples=True)])
    binding.close()


if __name__ == "__main__":
    main()
