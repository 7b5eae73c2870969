"""The prefix tree keeps exact books, whatever is done to it."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mallku.engine.prefix_tree import PrefixTree

TOKENS = st.lists(st.integers(0, 2), max_size=8)


class PrefixTreeAgainstLists(RuleBasedStateMachine):
    """Each sequence is also kept as a plain list of (identity, token) cells."""

    def __init__(self):
        super().__init__()
        self.tree = PrefixTree()
        self.sequences = {}
        self.next_cell = 0

    def pick(self, number):
        return sorted(self.sequences)[number % len(self.sequences)]

    def cells(self, tokens):
        self.next_cell += len(tokens)
        return [(self.next_cell - index, token) for index, token in enumerate(tokens)]

    @rule(tokens=TOKENS)
    def add(self, tokens):
        name = max(self.sequences, default=0) + 1
        self.tree.add(name)
        self.tree.extend(name, tokens)
        self.sequences[name] = self.cells(tokens)

    @precondition(lambda self: self.sequences)
    @rule(number=st.integers(0, 99), length=st.integers(0, 20), tokens=TOKENS)
    def fork(self, number, length, tokens):
        source, name = self.pick(number), max(self.sequences) + 1
        length = min(length, len(self.sequences[source]))
        self.tree.fork(source, name, length)
        self.tree.extend(name, tokens)
        self.sequences[name] = self.sequences[source][:length] + self.cells(tokens)

    @precondition(lambda self: self.sequences)
    @rule(number=st.integers(0, 99), tokens=TOKENS)
    def extend(self, number, tokens):
        name = self.pick(number)
        self.tree.extend(name, tokens)
        self.sequences[name] += self.cells(tokens)

    @precondition(lambda self: self.sequences)
    @rule(number=st.integers(0, 99), length=st.integers(0, 20))
    def cut(self, number, length):
        name = self.pick(number)
        self.tree.cut(name, length)
        del self.sequences[name][length:]

    @precondition(lambda self: self.sequences)
    @rule(number=st.integers(0, 99))
    def remove(self, number):
        name = self.pick(number)
        self.tree.remove(name)
        del self.sequences[name]

    @rule(tokens=TOKENS)
    def match(self, tokens):
        def common(cells):
            return next(
                (i for i, (cell, token) in enumerate(zip(cells, tokens, strict=False)) if cell[1] != token), min(len(cells), len(tokens))
            )

        best = max((common(cells) for cells in self.sequences.values()), default=0)
        found = self.tree.match(tokens)
        assert (found.length if found else 0) == best
        if found:
            assert common(self.sequences[found.sequence]) == best

    @invariant()
    def the_books_agree(self):
        assert self.tree.cells == len({cell for cells in self.sequences.values() for cell in cells})
        for name, cells in self.sequences.items():
            assert self.tree.length(name) == len(cells)
            assert self.tree.tokens(name) == [token for _, token in cells]
            assert self.tree.slice(name, 1, 4) == [token for _, token in cells[1:4]]
        half = {name for name in self.sequences if name % 2}
        assert self.tree.cells_of(half) == len({cell for name in half for cell in self.sequences[name]})


PrefixTreeAgainstLists.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_the_tree_agrees_with_plain_lists = PrefixTreeAgainstLists.TestCase
