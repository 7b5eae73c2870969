"""No cell leaves a window without a second owner."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mallku.engine.planner import Copy, Drop, Run
from mallku.engine.window_guard import WindowGuard

WINDOW, TWINS = 6, 4


class GuardedMemory(RuleBasedStateMachine):
    """A memory of (sequence id, position) cells with their owners."""

    def __init__(self):
        super().__init__()
        self.guard = WindowGuard(WINDOW, TWINS)
        self.held = {number: {} for number in range(2 * TWINS)}
        self.next_cell = 0

    def change(self, operation):
        match operation:
            case Copy(source, target, start, end):
                self.held[target].update({at: self.held[source][at] for at in range(start, end)})
            case Drop(sequence, start):
                self.held[sequence] = {at: cell for at, cell in self.held[sequence].items() if at < start}

    def length(self, sequence):
        return len(self.held[sequence])

    @rule(sequence=st.integers(0, TWINS - 1), count=st.integers(1, 20))
    def compute(self, sequence, count):
        run = Run(1, sequence, self.length(sequence), [0] * count, is_prompt=True, samples=False)
        for at in range(run.start, run.start + count):
            self.next_cell += 1
            self.held[sequence][at] = self.next_cell
        for copy in self.guard.after([run]):
            self.change(copy)

    @rule(source=st.integers(0, TWINS - 1), to=st.integers(0, TWINS - 1), length=st.integers(0, 40))
    def share(self, source, to, length):
        end = min(length, self.length(source))
        if source != to and end > self.length(to):
            start = self.length(to)
            for operation in self.guard.with_twins(Copy(source, to, start, end)):
                self.change(operation)

    @rule(sequence=st.integers(0, TWINS - 1), start=st.integers(0, 20))
    def drop(self, sequence, start):
        for operation in self.guard.with_twins(Drop(sequence, min(start, self.length(sequence)))):
            self.change(operation)

    @invariant()
    def what_has_left_a_window_has_two_owners(self):
        for sequence in range(TWINS):
            for at in range(self.length(sequence) - WINDOW + 1):
                assert self.held[sequence + TWINS].get(at) == self.held[sequence][at]

    @invariant()
    def a_twin_holds_nothing_else(self):
        for sequence in range(TWINS):
            assert self.held[sequence + TWINS].items() <= self.held[sequence].items()


GuardedMemory.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_the_guard_keeps_a_second_owner_for_what_leaves_a_window = GuardedMemory.TestCase
