"""The table of sequences: which of llama.cpp's sequence ids are free, running, or resident from an earlier request."""

from dataclasses import dataclass


@dataclass(slots=True)
class Running:
    """A request that holds a sequence."""

    ticket: int
    """The request."""
    sequence: int
    """Its sequence id."""
    prompt_length: int
    """Tokens of its prompt."""
    answer_left: int
    """Tokens it may still add to the memory."""
    shared: int = 0
    """Prompt tokens that others computed for it, so far."""
    filled: int = 0
    """Tokens of the sequence that the memory really holds; the rest is still to be computed."""


class SequenceTable:
    """Sequence ids and who has them. Pure: it only keeps the books."""

    def __init__(self, size: int) -> None:
        self.size = size
        """How many sequence ids there are."""
        self._free = list(range(size - 1, -1, -1))
        self._running: dict[int, Running] = {}
        self._by_ticket: dict[int, Running] = {}
        self._resident: dict[int, int] = {}

    @property
    def running(self) -> dict[int, Running]:
        """Requests that run, by sequence id, in the order in which they were admitted."""
        return self._running

    @property
    def resident(self) -> dict[int, int]:
        """Length of the sequences that finished requests left behind, least recently used first."""
        return self._resident

    @property
    def has_free(self) -> bool:
        """Whether a sequence id is free."""
        return bool(self._free)

    def of_ticket(self, ticket: int) -> Running | None:
        """Return the running request with this ticket, or None if it does not run."""
        return self._by_ticket.get(ticket)

    def filled(self, sequence: int) -> int:
        """Return how many tokens of a sequence the memory really holds."""
        running = self._running.get(sequence)
        return running.filled if running is not None else self._resident[sequence]

    def take(self) -> int:
        """Take a free sequence id."""
        return self._free.pop()

    def give_back(self, sequence: int) -> None:
        """Make a sequence id free that was taken, or resident."""
        self._resident.pop(sequence, None)
        self._free.append(sequence)

    def start(self, running: Running) -> None:
        """Let a request run on the sequence id it has taken."""
        self._running[running.sequence] = running
        self._by_ticket[running.ticket] = running

    def stop(self, running: Running) -> None:
        """End a request; its sequence id stays taken."""
        del self._running[running.sequence]
        del self._by_ticket[running.ticket]

    def keep(self, sequence: int, length: int) -> None:
        """Let a sequence stay resident with its first `length` tokens."""
        self._resident[sequence] = length

    def touch(self, sequence: int) -> None:
        """Note that a resident sequence was used now."""
        if sequence in self._resident:
            self._resident[sequence] = self._resident.pop(sequence)

    def least_recent(self, *, but: int | None = None) -> list[int]:
        """Name resident sequences, least recently used first, leaving one out."""
        return [sequence for sequence in self._resident if sequence != but]
