"""The planner: what the next decode step computes, for whom, and what is shared. Pure: it never touches llama.cpp.

The rules, all of them:

1. Requests are admitted in the order in which they came, when a sequence id is free and the memory can hold their prompt and
   their longest answer beside everyone else's. So a running request is never evicted and never runs out of memory.
2. An admitted request shares the longest prefix that any sequence holds *or is going to hold*. It forks that path in the prefix
   tree at once and copies memory as it comes to be: of several requests with a common prefix, the first computes it, the others wait.
3. A step holds the next token of every request that is generating, then prompt tokens in order of admission, as many as it has
   room for; fewer while others are generating, so that a long prompt does not freeze them.
4. A finished request's memory stays resident for the next round. It is evicted, least recently used first, when an admission
   needs its room.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mallku.engine.prefix_tree import Node, PrefixTree
from mallku.engine.sequences import Running, SequenceTable


@dataclass(frozen=True, slots=True)
class Copy:
    """Let `target` share the memory of `source` from position `start` up to `end`."""

    source: int
    target: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget what a sequence holds from position `start` on."""

    sequence: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens of one sequence that are computed in a step."""

    ticket: int
    sequence: int
    start: int
    tokens: Sequence[int]
    is_prompt: bool
    """Whether these are tokens of the prompt, not of the answer."""
    samples: bool
    """Whether the next token is sampled after the last of these."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: memory operations, in this order, and then the tokens to decode."""

    operations: tuple[Copy | Drop, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the memory and a step can hold."""

    cells: int
    """Tokens in memory."""
    sequences: int
    """Sequence ids."""
    parallel: int
    """Most requests that run at once; at most `sequences` less 1 where prefixes are shared."""
    batch_tokens: int
    """Most tokens in a step."""
    prefill_chunk: int
    """Most prompt tokens in a step in which others are generating."""
    shares: bool
    """Whether memory can be shared and kept."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    ticket: int
    tokens: list[int]
    max_tokens: int


class Planner:
    """Decides step by step. Call `next_step`, compute it, `computed`, then `accept` or `finish` for every run that samples."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.tree = PrefixTree()
        self.table = SequenceTable(limits.sequences)
        self._waiting: deque[_Waiting] = deque()
        self._operations: list[Copy | Drop] = []
        self._may_admit = False

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to compute and nothing to tell the memory."""
        return not (self._waiting or self.table.running or self._operations)

    @property
    def cells_active(self) -> int:
        """Tokens in memory that running requests hold or are going to compute."""
        return self.tree.cells_of(set(self.table.running))

    def can_ever_fit(self, prompt_length: int, max_tokens: int) -> bool:
        """Whether a request could run if it were alone."""
        return prompt_length + max_tokens - 1 <= self.limits.cells

    def submit(self, ticket: int, tokens: Sequence[int], max_tokens: int) -> None:
        """Queue a request. Tickets grow; `tokens` is not empty, `max_tokens` is at least 1."""
        assert self.can_ever_fit(len(tokens), max_tokens)
        self._waiting.append(_Waiting(ticket, list(tokens), max_tokens))
        self._may_admit = True

    def cancel(self, ticket: int) -> None:
        """Forget a request and free all memory that is its alone. Unknown and finished tickets are ignored."""
        running = self.table.of_ticket(ticket)
        if running is None:
            self._waiting = deque(waiting for waiting in self._waiting if waiting.ticket != ticket)
        else:
            self.table.stop(running)
            self._forget(running.sequence)
        self._may_admit = True

    def next_step(self) -> Step:
        """Decide what is computed next. A step without runs only changes the memory, if anything."""
        if self._may_admit:
            self._admit_waiting()
        runs: list[Run] = []
        room = self.limits.batch_tokens
        prefilling: list[Running] = []
        for running in self.table.running.values():
            if running.filled < running.prompt_length:
                prefilling.append(running)
            elif room:
                tokens = self.tree.path(running.sequence)[-1].tokens[-1:]
                runs.append(Run(running.ticket, running.sequence, running.filled, tokens, is_prompt=False, samples=True))
                room -= 1
        if runs:
            room = min(room, self.limits.prefill_chunk)
        for running in prefilling:
            run = self._prefill(running, room)
            if run is not None:
                runs.append(run)
                room -= len(run.tokens)
        operations, self._operations = tuple(self._operations), []
        return Step(operations, tuple(runs))

    def computed(self, runs: Sequence[Run]) -> None:
        """Note that the tokens of these runs are in memory now."""
        for run in runs:
            self.table.running[run.sequence].filled += len(run.tokens)

    def accept(self, ticket: int, token: int) -> None:
        """Add a sampled token, to be computed in the next step."""
        running = self.table.of_ticket(ticket)
        assert running is not None
        assert running.answer_left > 0
        running.answer_left -= 1
        self.tree.extend(running.sequence, (token,))

    def finish(self, ticket: int) -> None:
        """End a request; what it computed stays resident."""
        running = self.table.of_ticket(ticket)
        assert running is not None
        self.table.stop(running)
        self._may_admit = True
        if self.limits.shares:
            self.tree.cut(running.sequence, running.filled)
            self.table.keep(running.sequence, running.filled)
        else:
            self._forget(running.sequence)

    def shared_tokens(self, ticket: int) -> int:
        """Return how many prompt tokens a running request took over so far."""
        running = self.table.of_ticket(ticket)
        return running.shared if running is not None else 0

    def forget_residents(self) -> None:
        """Drop everything that finished requests left behind."""
        for sequence in self.table.least_recent():
            self._forget(sequence)

    # --- admission

    def _admit_waiting(self) -> None:
        self._may_admit = False
        while self._waiting and len(self.table.running) < self.limits.parallel and self._admit(self._waiting[0]):
            self._waiting.popleft()

    def _admit(self, request: _Waiting) -> bool:
        """Give a request a sequence and a path in the tree, if the memory can hold it to its end."""
        match = self.tree.match(request.tokens[:-1]) if self.limits.shares else None
        source = match.sequence if match else None
        if not self.table.has_free:
            self._forget(self.table.least_recent(but=source)[0])
        sequence = self.table.take()
        if match is not None:
            self.tree.fork(match.sequence, sequence, match.length)
            self.table.touch(match.sequence)
        else:
            self.tree.add(sequence)
        self.tree.extend(sequence, request.tokens[match.length if match else 0 :])
        running = Running(ticket=request.ticket, sequence=sequence, prompt_length=len(request.tokens), answer_left=request.max_tokens - 1)
        self.table.start(running)
        if self._make_room(running):
            return True
        self.table.stop(running)
        self.tree.remove(sequence)
        self.table.give_back(sequence)
        return False

    def _make_room(self, newcomer: Running) -> bool:
        """Evict residents until the memory can hold everyone who runs to their ends; evict none if that is not enough."""
        allowed = self.limits.cells - sum(running.answer_left for running in self.table.running.values())
        if self.tree.cells <= allowed:
            return True
        if self.cells_active > allowed:
            return False
        self._take_over(newcomer)
        for sequence in self.table.least_recent():
            self._forget(sequence)
            if self.tree.cells <= allowed:
                break
        return True

    def _forget(self, sequence: int) -> None:
        """Drop a sequence that does not run from tree, table and memory."""
        self.tree.remove(sequence)
        self.table.give_back(sequence)
        self._operations.append(Drop(sequence))

    # --- prompts

    def _prefill(self, running: Running, room: int) -> Run | None:
        """Take over what others have computed of a prompt; plan up to `room` tokens of what nobody before it will compute."""
        self._take_over(running)
        node = self._node_at(running)
        others = [self.table.running[sequence] for sequence in node.sequences if sequence in self.table.running]
        if not room or any(other.ticket < running.ticket for other in others):
            return None
        start, end = running.filled, min(running.filled + room, running.prompt_length)
        if len(others) > 1:
            end = min(end, node.end)
        tokens = self.tree.slice(running.sequence, start, end)
        return Run(running.ticket, running.sequence, start, tokens, is_prompt=True, samples=end == running.prompt_length)

    def _take_over(self, running: Running) -> None:
        """Copy what other sequences hold of this one's path, as far as it goes."""
        while running.filled < running.prompt_length:
            node = self._node_at(running)
            source = self._source(node, running)
            if source is None:
                return
            end = self._shared_end(running, source)
            self._operations.append(Copy(source, running.sequence, running.filled, end))
            running.shared += end - running.filled
            running.filled = end

    def _source(self, node: Node, running: Running) -> int | None:
        """Find a sequence that holds more of a run than `running` does: the first that holds all of it, else the one that holds most."""
        most, best = running.filled, None
        for sequence in node.sequences:
            if sequence != running.sequence and (filled := self.table.filled(sequence)) > most:
                most, best = filled, sequence
                if filled >= node.end:
                    break
        return best

    def _node_at(self, running: Running) -> Node:
        """Find the run of the tree in which the next token to compute stands."""
        return next(node for node in self.tree.path(running.sequence) if node.end > running.filled)

    def _shared_end(self, running: Running, source: int) -> int:
        """Find how far `source` holds the path of `running` in memory."""
        end = running.filled
        for node in self.tree.path(running.sequence):
            if node.end > end:
                if source not in node.sequences:
                    break
                end = node.end
        return min(end, self.table.filled(source))
