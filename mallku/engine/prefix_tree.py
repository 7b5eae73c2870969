"""The prefix tree: which tokens the key-value memory holds, and which sequences share them.

Each path from the root spells the tokens of one or more sequences. A node's tokens take up memory once, however many sequences pass
through it; so the tree is at once the index of what can be shared and the account of what is used. Two children of a node may
begin with the same token: they were computed separately and are separate memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True, eq=False)
class Node:
    """A run of tokens that the same sequences share."""

    start: int
    """Position of the first token."""
    tokens: list[int]
    """The run; empty only at the root."""
    parent: "Node | None"
    """The run before it; None at the root."""
    children: list["Node"] = field(default_factory=list)
    """Runs that continue this one."""
    sequences: set[int] = field(default_factory=set)
    """Sequences that hold the whole run."""

    @property
    def end(self) -> int:
        """One past the position of the last token."""
        return self.start + len(self.tokens)


class Match(NamedTuple):
    """A sequence that begins with the same tokens, and how many of them."""

    sequence: int
    length: int


class PrefixTree:
    """Token paths of sequences, with what they share. Pure: it only keeps the books."""

    def __init__(self) -> None:
        self.cells = 0
        """Tokens in memory, shared ones counted once."""
        self._root = Node(start=0, tokens=[], parent=None)
        self._paths: dict[int, list[Node]] = {}

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._paths

    def length(self, sequence: int) -> int:
        """Return the number of tokens of a sequence."""
        path = self._paths[sequence]
        return path[-1].end if path else 0

    def tokens(self, sequence: int) -> list[int]:
        """Return the tokens of a sequence."""
        return [token for node in self._paths[sequence] for token in node.tokens]

    def slice(self, sequence: int, start: int, end: int) -> list[int]:
        """Return the tokens of a sequence from position `start` up to `end`."""
        found: list[int] = []
        for node in self._paths[sequence]:
            if node.start < end and node.end > start:
                found += node.tokens[max(0, start - node.start) : end - node.start]
        return found

    def path(self, sequence: int) -> Sequence[Node]:
        """Return the runs of a sequence, first to last."""
        return self._paths[sequence]

    def match(self, tokens: Sequence[int]) -> Match | None:
        """Find the longest prefix of `tokens` that some sequence holds."""
        wanted = list(tokens)
        best: Match | None = None
        open_nodes = [self._root]
        while open_nodes:
            node = open_nodes.pop()
            if node.end >= len(wanted):
                continue
            first = wanted[node.end]
            for child in node.children:
                # many residents may go apart here: most are told by their first token
                if child.tokens[0] != first:
                    continue
                common = _common_length(child.tokens, wanted, child.start)
                if best is None or child.start + common > best.length:
                    best = Match(min(child.sequences), child.start + common)
                if common == len(child.tokens):
                    open_nodes.append(child)
        return best

    def add(self, sequence: int) -> None:
        """Begin an empty sequence."""
        self._paths[sequence] = []

    def fork(self, source: int, target: int, length: int) -> None:
        """Begin `target` with the first `length` tokens of `source`, in the same memory."""
        shared = self._split_at(source, length)
        for node in shared:
            node.sequences.add(target)
        self._paths[target] = list(shared)

    def extend(self, sequence: int, tokens: Sequence[int]) -> None:
        """Add tokens to the end of a sequence, in memory of its own."""
        if not tokens:
            return
        path = self._paths[sequence]
        last = path[-1] if path else self._root
        if path and len(last.sequences) == 1 and not last.children:
            last.tokens.extend(tokens)
        else:
            node = Node(start=last.end, tokens=list(tokens), parent=last, sequences={sequence})
            last.children.append(node)
            path.append(node)
        self.cells += len(tokens)

    def cut(self, sequence: int, length: int) -> None:
        """Shorten a sequence to its first `length` tokens."""
        kept = self._split_at(sequence, length)
        for node in reversed(self._paths[sequence][len(kept) :]):
            node.sequences.discard(sequence)
            if not node.sequences:
                assert node.parent is not None
                node.parent.children.remove(node)
                self.cells -= len(node.tokens)
        self._paths[sequence] = kept

    def remove(self, sequence: int) -> None:
        """Forget a sequence."""
        self.cut(sequence, 0)
        del self._paths[sequence]

    def cells_of(self, sequences: set[int]) -> int:
        """Count the tokens that at least one of `sequences` holds."""
        total = 0
        open_nodes = [self._root]
        while open_nodes:
            for child in open_nodes.pop().children:
                if not child.sequences.isdisjoint(sequences):
                    total += len(child.tokens)
                    open_nodes.append(child)
        return total

    def _split_at(self, sequence: int, length: int) -> list[Node]:
        """Make a run of `sequence` end at `length`, and return the runs up to there."""
        path = self._paths[sequence]
        for index, node in enumerate(path):
            if node.end <= length:
                continue
            if node.start < length:
                self._split(node, length - node.start)
                index += 1  # noqa: PLW2901 (the upper part now stands before the node)
            return self._paths[sequence][:index]
        return list(path)

    def _split(self, node: Node, offset: int) -> None:
        """Put the first `offset` tokens of a node into a node of their own above it."""
        assert node.parent is not None
        upper = Node(start=node.start, tokens=node.tokens[:offset], parent=node.parent, children=[node], sequences=set(node.sequences))
        siblings = node.parent.children
        siblings[siblings.index(node)] = upper
        node.parent, node.start, node.tokens = upper, node.start + offset, node.tokens[offset:]
        for sequence in node.sequences:
            path = self._paths[sequence]
            path.insert(path.index(node), upper)


def _common_length(run: list[int], wanted: list[int], start: int) -> int:
    """Count how many tokens at the start of `run` equal those of `wanted` from `start` on."""
    low, high = 0, min(len(run), len(wanted) - start)
    if high <= 0 or run[0] != wanted[start]:
        return 0
    if run[:high] == wanted[start : start + high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if run[low:middle] == wanted[start + low : start + middle]:
            low = middle
        else:
            high = middle
    return low
