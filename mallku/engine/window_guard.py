"""Keeps the beginnings of sequences in a memory with sliding-window attention, so that they can still be shared. Pure.

llama.cpp takes the cell of a token that has left its sequence's window for another sequence's token, also where the memory has its full
size; who then shared that sequence's beginning would read something else. It only takes cells that belong to a single sequence. So every
sequence gets a twin: an id that holds the same cells, and never computes. A cell is safe for as long as it is inside the window, so the
twin follows once for every window's length, not at every token.
"""

from collections.abc import Sequence

from mallku.engine.planner import Copy, Drop, Run


class WindowGuard:
    """Says which memory operations the twins need, besides those of the planner."""

    def __init__(self, window: int, twins: int) -> None:
        """Guard a memory with a `window`; the twin of a sequence has the id `twins` higher."""
        self._window = window
        self._twins = twins
        self._held: dict[int, int] = {}

    def with_twins(self, operation: Copy | Drop) -> tuple[Copy | Drop, ...]:
        """Return the operation, and what it means for the twin."""
        match operation:
            case Copy(_, target, _, end):
                return operation, self._follow(target, end)
            case Drop(sequence, start):
                self._held[sequence] = min(self._held.get(sequence, 0), start)
                return operation, Drop(sequence + self._twins, start)

    def after(self, runs: Sequence[Run]) -> list[Copy]:
        """Return what the twins need after these tokens were computed: nothing may leave a window before it has a second owner."""
        ends = {run.sequence: run.start + len(run.tokens) for run in runs}
        return [self._follow(sequence, end) for sequence, end in ends.items() if end - self._held.get(sequence, 0) >= self._window]

    def _follow(self, sequence: int, end: int) -> Copy:
        held = self._held.get(sequence, 0)
        self._held[sequence] = end
        return Copy(sequence, sequence + self._twins, held, end)
