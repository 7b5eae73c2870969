"""A decoder without a model: it keeps real books of its memory and answers by a rule, for tests of what stands on it."""

import hashlib
from collections.abc import Callable, Sequence

from mallku.engine.decoder import SamplerHandle, Vocabulary
from mallku.engine.planner import Copy, Drop, Run
from mallku.engine.request import EngineFacts, Sampling
from mallku.errors import EngineCrashed, RequestRefused

BYTES = 256
"""Tokens below this are the bytes of the text; this one ends an answer."""

Rule = Callable[[Sequence[int]], int]
"""Says which token follows a prefix."""


class Cell:
    """One token in memory; equal only to itself."""

    def __init__(self, token: int) -> None:
        self.token = token


class FakeBinding:
    """Answers every prefix by a rule; by default letters drawn from a digest of the prefix.

    It refuses what llama.cpp could not do: a run that does not go on where its sequence ends, a sequence id out of range, a full memory.
    """

    facts: EngineFacts
    vocabulary: Vocabulary

    def __init__(
        self, *, rule: Rule | None = None, cells: int = 4096, parallel: int = 8, shares_prefixes: bool = True, smallest_batch: int = 2
    ) -> None:
        self.facts = EngineFacts(
            model="fake",
            architecture="fake",
            description="fake",
            parameters=0,
            context_length=cells,
            trained_length=cells,
            cells=cells,
            sequences=2 * parallel + 1,
            parallel=parallel,
            batch_tokens=64,
            smallest_batch=smallest_batch,
            own_kernel=False,
            prefill_chunk=16,
            shares_prefixes=shares_prefixes,
            is_embedding_model=False,
            gpu_layers=0,
            threads=1,
            memory_bytes=0,
            fingerprint="fake",
        )
        self.vocabulary = Vocabulary(
            size=BYTES + 1, begin=None, begin_text="", end_text="", control={}, markup=frozenset(), chat_template=""
        )
        self.memory: dict[int, list[Cell]] = {}
        """The cells of each sequence; sequences that share memory share cells."""
        self.prefilled = 0
        """Tokens computed in runs of prompts."""
        self.steps = 0
        """Calls of `decode`."""
        self.fails_next = False
        """Whether the next `decode` raises `EngineCrashed`."""
        self._rule = rule or letters
        self._rows: dict[int, list[int]] = {}
        self._samplers: dict[SamplerHandle, Sampling] = {}

    @property
    def cells_used(self) -> int:
        """Cells in use, shared ones counted once."""
        return len({id(cell) for cells in self.memory.values() for cell in cells})

    def tokenize(self, text: str, *, special: bool, framed: bool = False) -> list[int]:
        """Return the bytes of the text."""
        del special, framed
        return list(text.encode())

    def piece(self, token: int) -> bytes:
        """Return the byte itself."""
        return bytes([token]) if token < BYTES else b""

    def is_end(self, token: int) -> bool:
        """Whether it is the one token that is no byte."""
        return token == BYTES

    def change_memory(self, operation: Copy | Drop) -> None:
        """Copy or drop cells."""
        match operation:
            case Copy(source, target, start, end):
                copied = self.memory[source][start:end]
                if len(copied) != end - start or len(self.memory.get(target, [])) != start:
                    raise EngineCrashed(f"{operation} does not fit the memory.")
                self.memory.setdefault(target, []).extend(copied)
            case Drop(sequence, start):
                del self.memory.get(sequence, [])[start:]

    def decode(self, runs: Sequence[Run]) -> list[int]:
        """Put the tokens into memory and remember the prefixes to sample from."""
        if self.fails_next:
            self.fails_next = False
            raise EngineCrashed("This step was told to fail.")
        self.steps += 1
        self._rows = {}
        rows = []
        at = 0
        for run in runs:
            cells = self.memory.setdefault(run.sequence, [])
            if len(cells) != run.start or not 0 <= run.sequence < self.facts.sequences:
                raise EngineCrashed(f"{run} does not go on where its sequence ends ({len(cells)}).")
            cells += [Cell(token) for token in run.tokens]
            self.prefilled += len(run.tokens) * run.is_prompt
            at += len(run.tokens)
            if run.samples:
                self._rows[at - 1] = [cell.token for cell in cells]
            rows.append(at - 1 if run.samples else -1)
        if self.cells_used > self.facts.cells or at > self.facts.batch_tokens:
            raise EngineCrashed(f"{self.cells_used} cells and {at} tokens in a step are more than there is room for.")
        return rows

    def new_sampler(self, sampling: Sampling, grammar: str | None) -> SamplerHandle:
        """Keep the settings; refuse a grammar."""
        if grammar is not None:
            raise RequestRefused("The fake binding keeps no grammar.", hint="Use a real model.")
        handle = len(self._samplers) + 1
        self._samplers[handle] = sampling
        return handle

    def sample(self, sampler: SamplerHandle, row: int) -> int:
        """Apply the rule to the row's prefix; a temperature above 0 puts the seed in front of it."""
        sampling = self._samplers[sampler]
        seed = [] if sampling.temperature <= 0 else [sampling.seed or 0]
        return self._rule([*seed, *self._rows[row]])

    def free_sampler(self, sampler: SamplerHandle) -> None:
        """Note that the sampler is gone."""
        self._samplers[sampler] = Sampling()

    def logprobs(self, row: int, token: int, count: int) -> list[tuple[int, float]]:
        """Say that the token was certain."""
        del row, count
        return [(token, 0.0)]

    def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Count letters."""
        return [[float(list(text).count(byte)) for byte in range(BYTES)] for text in texts]

    def close(self) -> None:
        """Forget everything."""
        self.memory.clear()


def letters(prefix: Sequence[int]) -> int:
    """Return a small letter that depends on the whole prefix; about one in 40 times, the end."""
    digest = hashlib.sha256(repr(list(prefix)).encode()).digest()
    return BYTES if digest[1] < BYTES // 40 else ord("a") + digest[0] % 26
