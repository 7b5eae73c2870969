"""The planner's promises, on a memory that keeps exact books."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mallku.engine.fake_binding import FakeBinding, letters
from mallku.engine.planner import Limits, Planner
from mallku.engine.request import Sampling


class Bench:
    """A planner and a fake memory, driven as the worker drives them."""

    def __init__(self, *, cells=120, parallel=4, batch_tokens=24, prefill_chunk=6, shares=True):
        self.binding = FakeBinding(cells=cells, parallel=parallel, shares_prefixes=shares)
        self.planner = Planner(
            Limits(
                cells=cells,
                sequences=2 * parallel + 1 if shares else parallel,
                parallel=parallel,
                batch_tokens=batch_tokens,
                prefill_chunk=prefill_chunk,
                shares=shares,
            )
        )
        self.greedy = self.binding.new_sampler(Sampling(temperature=0), None)
        self.requests = {}
        self.answers = {}
        self.finished = {}

    def submit(self, tokens, max_tokens):
        ticket = len(self.requests) + 1
        self.requests[ticket] = (tokens, max_tokens)
        self.answers[ticket] = []
        self.planner.submit(ticket, tokens, max_tokens)
        return ticket

    def cancel(self, ticket):
        self.planner.cancel(ticket)
        self.answers.pop(ticket, None)

    def step(self):
        step = self.planner.next_step()
        for operation in step.operations:
            self.binding.change_memory(operation)
        rows = self.binding.decode(step.runs)
        self.planner.computed(step.runs)
        for run, row in zip(step.runs, rows, strict=True):
            if row >= 0:
                self.sampled(run.ticket, self.binding.sample(self.greedy, row))
        return step

    def sampled(self, ticket, token):
        answer = self.answers[ticket]
        answer.append(token)
        if self.binding.is_end(token) or len(answer) == self.requests[ticket][1]:
            self.planner.finish(ticket)
            self.finished[ticket] = self.answers.pop(ticket)
        else:
            self.planner.accept(ticket, token)

    def run_to_end(self):
        steps = []
        while not self.planner.is_idle:
            steps.append(self.step())
            assert steps[-1].runs or not self.answers, "a step computed nothing while requests waited"
        return steps


def alone(tokens, max_tokens):
    """Return what a request gets if nothing is shared and nobody else is there."""
    prefix, answer = list(tokens), []
    while len(answer) < max_tokens:
        answer.append(letters(prefix + answer))
        if answer[-1] == 256:
            break
    return answer


def distinct_cells(prompts):
    """Count the nodes of the trie of all prompts: the least that must be computed."""
    return len({tuple(prompt[: end + 1]) for prompt in prompts for end in range(len(prompt))})


PROMPT = st.lists(st.integers(0, 2), min_size=1, max_size=30)


@given(prompts=st.lists(PROMPT, min_size=1, max_size=12), max_tokens=st.integers(1, 12), shares=st.booleans())
@settings(max_examples=150, deadline=None)
def test_everyone_gets_the_answer_it_would_get_alone(prompts, max_tokens, shares):
    bench = Bench(shares=shares)
    for prompt in prompts:
        bench.submit(prompt, max_tokens)
    bench.run_to_end()

    assert [bench.finished[ticket + 1] for ticket in range(len(prompts))] == [alone(prompt, max_tokens) for prompt in prompts]


@given(prompts=st.lists(PROMPT, min_size=1, max_size=8, unique_by=tuple))
@settings(max_examples=150, deadline=None)
def test_what_waiting_requests_share_is_computed_once(prompts):
    # A distinct last token keeps one prompt from being another's beginning: the last token of each must be computed for its own sake.
    prompts = [[*prompt, 10 + index] for index, prompt in enumerate(prompts)]
    bench = Bench(cells=1000, parallel=8)
    for prompt in prompts:
        bench.submit(prompt, 4)
    bench.run_to_end()

    assert bench.binding.prefilled == distinct_cells(prompts)


def test_a_later_round_computes_only_what_is_new():
    bench = Bench(cells=1000)
    question = [1] * 20
    for round_length in (0, 10, 20):
        for seat in range(4):
            bench.submit([*question, *[2] * round_length, 100 + seat, 3], 5)
        bench.run_to_end()

    assert bench.binding.prefilled == 20 + 10 + 10 + 3 * 4 * 2


def test_a_long_prompt_does_not_freeze_those_who_speak():
    bench = Bench(cells=1000, batch_tokens=24, prefill_chunk=6)
    bench.submit([1], 12)
    bench.step()
    bench.submit([2] * 60, 2)
    steps = [bench.step() for _ in range(5)]

    for step in steps:
        assert [run.is_prompt for run in step.runs] == [False, True]
        assert len(step.runs[1].tokens) == 6


def test_a_cancelled_request_gives_its_cells_back_at_once_and_the_others_go_on():
    bench = Bench(cells=1000)
    shared = [1] * 10
    tickets = [bench.submit([*shared, 50 + seat], 10) for seat in range(3)]
    bench.step()
    bench.cancel(tickets[0])
    bench.step()

    assert bench.binding.cells_used < 10 + 2 * 10 + 1
    bench.run_to_end()
    assert [bench.finished[ticket] for ticket in tickets[1:]] == [alone([*shared, 50 + seat], 10) for seat in (1, 2)]


def test_a_request_that_does_not_fit_now_waits_and_evicts_nothing_that_runs():
    bench = Bench(cells=40, parallel=4)
    bench.submit([1] * 15, 10)
    bench.submit([2] * 15, 10)
    first = bench.step()

    assert {run.ticket for run in first.runs} == {1}
    bench.run_to_end()
    assert bench.finished[2] == alone([2] * 15, 10)


def test_the_least_recently_used_memory_is_evicted_first():
    bench = Bench(cells=60)
    for token in (1, 2):
        bench.submit([token] * 20, 2)
        bench.run_to_end()
    bench.submit([1] * 20, 2)
    bench.run_to_end()
    bench.submit([3] * 25, 2)
    bench.run_to_end()

    assert bench.planner.tree.match([1] * 20).length == 20
    assert bench.planner.tree.match([2] * 20) is None


def test_a_request_larger_than_the_memory_is_known_never_to_fit():
    planner = Bench(cells=40).planner

    assert planner.can_ever_fit(30, 11)
    assert not planner.can_ever_fit(30, 12)
    with pytest.raises(AssertionError):
        planner.submit(1, [0] * 30, 12)


@given(
    small=st.lists(st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(1, 6)), min_size=1, max_size=30),
    at=st.integers(0, 29),
)
@settings(max_examples=80, deadline=None)
def test_a_request_that_fills_the_memory_is_not_passed_by_those_that_came_later(small, at):
    """They begin in the order in which they came, however small the later ones are."""
    bench, began = Bench(cells=60), []
    for number, (prompt, most) in enumerate(small):
        if number == min(at, len(small) - 1):
            large = bench.submit([5] * 50, 10)
        bench.submit(prompt, most)
    while not bench.planner.is_idle:
        bench.step()
        began += sorted({running.ticket for running in bench.planner.table.running.values()} - set(began))

    # One that both begins and ends in a single step is never seen running.
    assert began == sorted(began)
    assert len(bench.finished[large]) <= 10
    assert bench.finished[large] == alone([5] * 50, 10)


@given(
    talking=st.integers(1, 3),
    prompts=st.lists(st.lists(st.integers(0, 2), min_size=20, max_size=60), min_size=1, max_size=3),
)
@settings(max_examples=80, deadline=None)
def test_everyone_who_speaks_gets_a_token_in_every_step_however_long_the_prompts_that_come(talking, prompts):
    bench = Bench(cells=2000, parallel=8, batch_tokens=24, prefill_chunk=6)
    speakers = [bench.submit([10 + number], 40) for number in range(talking)]
    bench.step()
    for prompt in prompts:
        bench.submit(prompt, 3)
    for _ in range(15):
        before = {ticket: len(bench.answers[ticket]) for ticket in speakers if ticket in bench.answers}
        step = bench.step()
        for ticket, length in before.items():
            assert len(bench.answers.get(ticket, bench.finished.get(ticket))) == length + 1
        if before:
            assert sum(len(run.tokens) for run in step.runs if run.is_prompt) <= 6


class PlannerUnderFire(RuleBasedStateMachine):
    """Requests come, go and are cancelled at any moment; the memory is small."""

    def __init__(self):
        super().__init__()
        self.bench = Bench(cells=60, parallel=3, batch_tokens=12, prefill_chunk=5)

    @rule(prompt=PROMPT, max_tokens=st.integers(1, 20))
    def submit(self, prompt, max_tokens):
        self.bench.submit(prompt, max_tokens)

    @precondition(lambda self: self.bench.answers)
    @rule(number=st.integers(0, 99))
    def cancel(self, number):
        self.bench.cancel(sorted(self.bench.answers)[number % len(self.bench.answers)])

    @rule()
    def step(self):
        step = self.bench.step()
        generating = sum(not run.is_prompt for run in step.runs)
        prompt_tokens = sum(len(run.tokens) for run in step.runs if run.is_prompt)
        assert generating + prompt_tokens <= 12
        assert not generating or prompt_tokens <= 5

    @invariant()
    def nothing_running_can_run_out_of_memory(self):
        planner = self.bench.planner
        assert self.bench.binding.cells_used <= 60
        reserved = sum(running.answer_left for running in planner.table.running.values())
        assert planner.tree.cells + reserved <= 60

    def teardown(self):
        self.bench.run_to_end()
        assert self.bench.answers == {}
        assert self.bench.binding.cells_used == self.bench.planner.tree.cells
        for ticket, answer in self.bench.finished.items():
            assert answer == alone(*self.bench.requests[ticket])


PlannerUnderFire.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_the_planner_keeps_its_promises_under_fire = PlannerUnderFire.TestCase
