"""Ballot papers: every reader gets the options in its own order, and what stood where is recorded."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotPaper:
    """The options as one voter reads them."""

    reader: str
    """The voter."""
    options: tuple[Option, ...]
    """The options in the order and under the labels that this voter reads, without authors."""
    original: Mapping[str, str]
    """The real label for each label on the paper."""
    unread: tuple[str, ...] = ()
    """Real labels of options that do not stand on the paper, such as the reader's own statement; its ballot is silent on them."""

    @property
    def positions(self) -> tuple[str, ...]:
        """The real labels in reading order; this is what goes into the record."""
        return tuple(self.original[option.label] for option in self.options)

    def read_back(self, ballot: Ballot) -> Ballot:
        """Return the voter's ballot under the real labels. The reason is the voter's own words and stays as it is."""
        real = self.original
        return replace(
            ballot,
            choice=None if ballot.choice is None else real[ballot.choice],
            approved=tuple(real[label] for label in ballot.approved),
            ranking=tuple(tuple(real[label] for label in tier) for tier in ballot.ranking),
            scores={real[label]: points for label, points in ballot.scores.items()},
            grades={real[label]: grade for label, grade in ballot.grades.items()},
            silent=(*(real[label] for label in ballot.silent), *self.unread),
        )


def ballot_papers(options: Sequence[Option], readers: Sequence[str], *, seed: int, relabel: bool = True) -> tuple[BallotPaper, ...]:
    """Give every reader a paper.

    The options are drawn into one order by the seed; each further reader starts one option later, and after a full turn they run backwards.
    So every option stands first about equally often, which independent shuffles do not give to a handful of readers. Relabelled, the first
    option on every paper is called by the first label, so that a fondness for `A` favours no option either.
    """
    base = sorted(options, key=lambda option: hashlib.sha256(f"{seed}/paper/{option.label}".encode()).hexdigest())
    labels = [option.label for option in options]
    return tuple(_paper(base, labels, reader, index, relabel=relabel) for index, reader in enumerate(readers))


def _paper(base: Sequence[Option], labels: Sequence[str], reader: str, index: int, *, relabel: bool) -> BallotPaper:
    turns, start = divmod(index, max(len(base), 1))
    order = [*base[start:], *base[:start]]
    if turns % 2:
        order.reverse()
    shown = labels if relabel else [option.label for option in order]
    return BallotPaper(
        reader=reader,
        options=tuple(replace(option, label=label, author="") for label, option in zip(shown, order, strict=True)),
        original={label: option.label for label, option in zip(shown, order, strict=True)},
    )


def paper_as_read(options: Sequence[Option], reading: Sequence[str], reader: str, *, relabel: bool) -> BallotPaper:
    """Return the paper that a reader had, from the record of the order in which it read the real labels."""
    by_label = {option.label: option for option in options}
    shown = [option.label for option in options][: len(reading)] if relabel else list(reading)
    pairs = [(label, by_label[real]) for label, real in zip(shown, reading, strict=True)]
    return BallotPaper(
        reader=reader,
        options=tuple(replace(option, label=label, author="") for label, option in pairs),
        original={label: option.label for label, option in pairs},
        unread=tuple(option.label for option in options if option.label not in reading),
    )
