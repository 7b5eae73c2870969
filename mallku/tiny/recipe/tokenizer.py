"""Trains the tokenizer: byte-level BPE with few merges, and none that joins a capital letter to what follows it.

A name stands as `Ada` after a quotation mark and as ` Ada` after a space. If the capital is always its own token, both are
the same tokens but for the first one, and a name that was never seen can be copied like any other.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any, Final

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from mallku.tiny.recipe.deliberations import Deliberations
from mallku.tiny.recipe.packing import SPECIALS

TREES: Final = 1500
"""Deliberations that the merges are learned from."""


def train_tokenizer(vocabulary: int, *, seed: int = 7) -> Tokenizer:
    """Return a tokenizer of that many tokens."""
    deliberations = Deliberations()
    rng = random.Random(seed)
    texts = []
    for number in range(TREES):
        tree = deliberations.make(seed * 1_000_003 + number)
        texts += [*tree.segments, *(branch.turn for branch in rng.sample(tree.branches, min(2, len(tree.branches))))]
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{Lu}| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIALS), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    learned: dict[str, Any] = json.loads(learner.to_str())["model"]
    merges = [(first, second) for first, second in learned["merges"]]
    return assemble(learned["vocab"], merges)


def assemble(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """Return the tokenizer as it is used: cut like llama.cpp's `smollm`, then merged."""
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


def main() -> None:
    """Train and write `tokenizer.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=1280)
    parser.add_argument("--into", type=Path, default=Path("rehearsal-run"))
    chosen = parser.parse_args()
    chosen.into.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(chosen.vocabulary)
    tokenizer.save(str(chosen.into / "tokenizer.json"))
    deliberations = Deliberations()
    texts = ["".join(deliberations.make(seed).segments) for seed in range(90_000_000, 90_000_200)]
    count = sum(len(tokenizer.encode(text).ids) for text in texts)
    print(f"{tokenizer.get_vocab_size()} tokens, {sum(map(len, texts)) / count:.2f} characters a token")


if __name__ == "__main__":
    main()
