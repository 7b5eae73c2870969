"""A score: a detector's figure, and the evidence it rests on."""

from dataclasses import dataclass, field

UNSCORED = None
"""The value of a score where there was nothing to judge. It is not 0 and enters no average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing a score rests on: a span of text, or a measurement."""

    label: str
    """What was found there, in the detector's own terms, such as `hold:self` or `answers-question`."""
    contribution: float
    """How much this adds to the score's raw figure; contributions add up to it."""
    start: int | None = None
    """First character of the span, or None for a measurement."""
    end: int | None = None
    """One past the last character of the span, or None for a measurement."""
    text: str = ""
    """The span's text, verbatim."""
    turn: str = ""
    """Turn in which the span stands, if it is an earlier one; empty for the judged statement itself."""
    measured: float | None = None
    """The measured figure, for evidence that is a measurement."""
    unit: str = ""
    """Unit of the measured figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A figure in 0..1 for one dimension of one statement, or *unscored* with a reason."""

    dimension: str
    """What is judged, such as `sovereignty`."""
    value: float | None
    """The figure in 0..1, or None if unscored."""
    reason: str = ""
    """Why it is unscored, or a short explanation of the value."""
    raw: float | None = None
    """The figure before it was mapped to 0..1; for sovereignty the stance in -1..1. Contributions of the evidence add up to it."""
    presence: float | None = None
    """Probability that the dimension is addressed at all, or None if that has no meaning here."""
    confidence: float | None = None
    """How sure the detector is, 0..1, or None if it cannot say."""
    evidence: tuple[Evidence, ...] = ()
    """What the figure rests on."""
    engages: tuple[tuple[str, float], ...] = ()
    """For reciprocity: earlier speakers whose content is taken up, each with the strength of that edge."""
    tiers: tuple[int, ...] = ()
    """Tiers of the detector that spoke: 1 rules, 2 classifier, 3 embeddings, 4 judge; empty for a measurement."""
    detector: str = ""
    """Name and version of the detector."""

    @staticmethod
    def unscored(dimension: str, reason: str, *, detector: str = "") -> "Score":
        """Say that there was nothing to judge, and why."""
        return Score(dimension=dimension, value=UNSCORED, reason=reason, detector=detector)

    @property
    def is_scored(self) -> bool:
        """Whether there is a figure."""
        return self.value is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnScores:
    """All scores of one statement."""

    turn: str
    """Id of the turn."""
    seat: str
    """Seat that spoke."""
    scores: tuple[Score, ...] = field(default_factory=tuple)
    """One per dimension."""
