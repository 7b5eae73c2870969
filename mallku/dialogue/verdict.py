"""Ballots, how they were counted, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

BallotKind = Literal["choice", "approval", "ranking", "scores", "grades", "position"]
"""What a voter fills in: one option, the acceptable ones, an order, points, grades in words, or a position of consent."""

Position = Literal["consent", "reservations", "stand-aside", "block"]
"""Positions of a consensus decision, from full consent to a block."""

Secrecy = Literal["secret", "public"]
"""Whether it is shown who cast which ballot. Who voted at all is always shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A cast choice. Options are named by their labels; only the field of its kind is filled."""

    seat: str
    """Who cast it."""
    kind: BallotKind
    """Which field is filled."""
    choice: str | None = None
    """For `choice`: the label chosen, or None for an abstention."""
    approved: tuple[str, ...] = ()
    """For `approval`: the acceptable labels."""
    ranking: tuple[tuple[str, ...], ...] = ()
    """For `ranking`: tiers of labels, best first; labels within a tier are tied; unranked labels are missing."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """For `scores`: points by label."""
    grades: Mapping[str, str] = field(default_factory=dict)
    """For `grades`: grade words by label."""
    position: Position | None = None
    """For `position`: the voter's position towards the one proposal."""
    reason: str = ""
    """The voter's reason in its own words."""
    confidence: float | None = None
    """How sure the voter says it is, 0..1."""
    weight: float = 1.0
    """Weight of the seat."""
    silent: tuple[str, ...] = ()
    """Labels on which this ballot takes no side at all, such as the voter's own statement; leaving a label out ranks it last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoiledBallot:
    """An answer that could not be read as a ballot. It is recorded, never guessed."""

    seat: str
    """Who cast it."""
    reason: str
    """Why it could not be counted."""
    raw: str = ""
    """The answer as it came, shortened if very long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The count of one set of ballots under one rule."""

    rule: str
    """Name of the rule, such as `majority`."""
    winners: tuple[str, ...]
    """Labels of the winning options: one, several if tied, none if nothing passed."""
    ranking: tuple[tuple[str, ...], ...] = ()
    """Tiers of labels, best first, where the rule yields an order."""
    support: Mapping[str, float] = field(default_factory=dict)
    """The rule's figure for each label: votes, points, wins …"""
    support_unit: str = "votes"
    """What the figures of `support` are."""
    counted: int = 0
    """Ballots that entered the count."""
    abstained: int = 0
    """Ballots that chose nothing."""
    passed: bool = True
    """Whether the rule's threshold was met."""
    steps: tuple[str, ...] = ()
    """The count in words, step by step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of a deliberation."""

    status: Literal["decided", "tied", "not decided", "no ballot"]
    """Whether there is an outcome; `tied` if only the tie-break found it, or if ties are left standing."""
    rule: str = ""
    """The declared rule."""
    option: str = ""
    """Label of the outcome, or empty."""
    text: str = ""
    """Text of the outcome, or empty."""
    tally: Tally | None = None
    """The final count."""
    tie_break: str = ""
    """How a tie was broken, or empty if there was none."""
    support: tuple[str, ...] = ()
    """Seats whose ballots support the outcome."""
    dissent: tuple[str, ...] = ()
    """Seats whose ballots do not."""
    abstained: tuple[str, ...] = ()
    """Seats whose ballots take no side on the outcome: abstentions, stand-asides, the author barred from voting for itself."""
    missing: tuple[str, ...] = ()
    """Seats whose ballot is missing or spoiled."""
    spoiled: tuple[SpoiledBallot, ...] = ()
    """Every ballot that could not be counted, with the reason."""
    notes: tuple[str, ...] = ()
    """What a reader should know: why nothing was decided, what was struck from a ballot."""
