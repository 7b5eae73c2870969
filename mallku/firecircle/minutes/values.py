"""Minutes as values: what a reader who was not there needs to know, each claim with the turns it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mallku.detectors import Conversation
from mallku.dialogue.participant import Location
from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import SpoiledBallot, Tally, Verdict
from mallku.events.kinds import BallotStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something the minutes say, and where it was said."""

    text: str
    """The claim, or a seat's own words if `seat` is given."""
    turns: tuple[str, ...] = ()
    """Ids of the turns it rests on."""
    seat: str = ""
    """Whose words these are, verbatim; empty for a claim of the minutes themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A sum of measurements that may be missing for some requests."""

    value: float | None
    """The sum of what is known, or None if nothing is."""
    whole: bool = True
    """Whether every request is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What requests used."""

    requests: int
    """Answers that were counted."""
    prompt_tokens: Measure
    """Tokens of all prompts."""
    cached_tokens: Measure
    """Prompt tokens that were in memory already and cost nothing."""
    answer_tokens: Measure
    """Tokens of all answers, private reasoning included."""
    seconds: Measure
    """Seconds from each request to the end of its answer, added up; seats that answered at once overlap."""
    joules: Measure
    """Energy above idle."""
    cpu_seconds: Measure
    """Processor seconds, where the engine ran in this process."""
    tokens_per_second: float | None
    """Tokens written per second waited, over the requests of which both are known."""
    peak_memory_bytes: int | None
    """Largest resident memory of a process that ran a model here."""
    accelerator_bytes: int | None
    """Largest accelerator memory that such a process held."""
    energy_source: str
    """Which counters the joules come from, or `none`."""
    energy_uncertainty: float | None
    """Relative uncertainty of the joules."""
    estimated: bool = False
    """Whether some of the tokens are estimates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatMinutes:
    """Who sat there."""

    name: str
    """Name of the seat."""
    role: str
    """Role of its persona."""
    model: str
    """Model id or file name at the beginning; `person` for people."""
    server: str
    """Kind of server, or empty in process."""
    location: Location
    """Where its words were made."""
    address: str
    """The address really dialled, or empty."""
    weight: float
    """Weight of its ballot."""
    shares_weights_with: tuple[str, ...] = ()
    """Other seats that are the same model."""
    answered_as: tuple[str, ...] = ()
    """Models that answered, by their own word, where that differs from `model`."""
    substitutes: tuple[Claim, ...] = ()
    """Who took the seat later, and why."""
    lost: str = ""
    """Why it took no further part, or empty."""
    statements: int = 0
    """Statements it made."""
    words: int = 0
    """Words of its statements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """How one turn of a round ended."""

    turn: str
    """Id of the turn."""
    seat: str
    """Who had it."""
    outcome: Literal["statement", "partial", "pass", "failure", "floor", "remark", "open"]
    """How it ended; `floor` is an answer about who speaks next, `remark` is the convener's, `open` has not ended."""
    text: str
    """What was said, or why nothing was."""
    mask: str = ""
    """Under which name the others read it, or empty."""
    notes: tuple[str, ...] = ()
    """What a reader should know about it."""
    scores: Mapping[str, float | None] = field(default_factory=dict)
    """Scores by dimension; None is unscored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundMinutes:
    """A round."""

    index: int
    """Index, from 0."""
    kind: str
    """Kind of the round."""
    title: str
    """Title shown to the seats."""
    instruction: str
    """What they were asked."""
    simultaneous: bool
    """Whether all were asked at once."""
    masked: bool
    """Whether names were hidden."""
    shuffled: bool
    """Whether each seat read the statements of the round before in an order of its own; the record holds the orders."""
    contributions: tuple[Contribution, ...]
    """Its turns, in the order in which they ended."""
    closed: str = ""
    """Why it ended there, or empty."""
    digest: str = ""
    """What later prompts held in its place, if it no longer fitted."""
    drift: float | None = None
    """Share of its statements that take up nothing of the question, if that was noticed; 0..1."""
    unheard: tuple[str, ...] = ()
    """Seats that had not had a turn when the round was broken off by an ending of the plan."""
    quorum_missed: str = ""
    """By how much it missed its quorum, in a sentence, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CastBallot:
    """A valid ballot."""

    turn: str
    """Id of the voter's turn."""
    seat: str
    """The voter."""
    vote: str
    """What it says, in words."""
    reason: str
    """The voter's own words."""
    confidence: float | None
    """How sure the voter says it is, 0..1."""
    weight: float
    """Its weight."""
    repaired: bool
    """Whether it had to be asked for twice."""
    read_as: tuple[tuple[str, str], ...] = ()
    """Labels in the reason that meant another option on the voter's own paper, each with the label of the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotMinutes:
    """A ballot: who cast what, and how it was counted."""

    stage: BallotStage
    """Which ballot."""
    ballot_kind: str
    """What voters filled in."""
    rule: str
    """Rule it was counted under."""
    options: tuple[Option, ...]
    """What they chose between."""
    masked: bool
    """Whether each voter read the options under labels of its own, without their authors."""
    cast: tuple[CastBallot, ...]
    """Valid ballots."""
    spoiled: tuple[tuple[str, SpoiledBallot], ...]
    """Ballots that could not be counted, each with its turn."""
    verdict: Verdict | None
    """The outcome, or None if it was not counted."""
    recounts: tuple[Tally, ...] = ()
    """The same ballots under every other rule that fits."""
    comparison: tuple[str, ...] = ()
    """Where the rules agree and disagree, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionArguments:
    """What was said for an option and against it, as its voters put it."""

    label: str
    """Label of the option."""
    text: str
    """Its text."""
    author: str
    """Seat whose statement it is, or empty."""
    won: bool
    """Whether it is the outcome."""
    reasons_for: tuple[Claim, ...] = ()
    """Reasons on the ballots that put it first."""
    reasons_against: tuple[Claim, ...] = ()
    """Blocks, reservations and dissent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A seat that ended elsewhere than it began."""

    seat: str
    """The seat."""
    before: str
    """Its position before the exchange."""
    after: str
    """Its position in the end."""
    cause: str
    """Kind of the change, as far as it could be told."""
    explanation: str = ""
    """The finding in words."""
    turns: tuple[str, ...] = ()
    """Turns that bear on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanScore:
    """A dimension's mean over several statements."""

    value: float | None
    """The mean of the scored ones, or None if none was scored."""
    scored: int
    """Statements with a figure."""
    unscored: int
    """Statements with nothing to judge."""
    tiers: tuple[int, ...] = ()
    """Tiers of the detector that spoke in any of them: 1 rules, 2 classifier, 3 embeddings, 4 judge; empty for a measurement."""
    confidence: float | None = None
    """How sure the detector was on average, 0..1, or None if it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a seat wrote to sum the deliberation up: words of a model, not of these minutes."""

    turn: str
    """Id of its turn."""
    seat: str
    """Who wrote it."""
    model: str
    """Model that wrote it, by its own word; empty if it did not say."""
    text: str
    """The summary."""
    quotations: int
    """How many quotations it has."""
    invented: tuple[str, ...]
    """Quotations that nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Where the minutes come from, so that they can be checked."""

    deliberation: str
    """Id under which the journal keeps it."""
    events: int
    """How many events it holds."""
    head: str
    """Hash of the last event."""
    version: str
    """Version of mallku that ran it."""
    seed: int
    """Seed of all orders, shuffles, ties and samplers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """The minutes of one deliberation, made from its events and nothing else."""

    question: str
    """What the circle deliberated on."""
    context: str
    """Background all seats had."""
    options: tuple[Option, ...]
    """Options given with the question."""
    convened_at: datetime
    """When it was convened, in UTC."""
    last_at: datetime
    """When its last event happened, in UTC."""
    status: str
    """`complete`, `degraded`, `failed`, `stopped`, `interrupted` or `open`."""
    reason: str
    """Why it ended there, or empty."""
    outcome: tuple[Claim, ...]
    """What was decided, how it was counted and how it differs from the ballot before, in sentences."""
    verdict: Verdict | None
    """The deciding verdict, or None."""
    verdict_before: Verdict | None
    """What the same seats would have decided before the exchange, or None."""
    summary: Summary | None
    """A summary by one of the seats, or None."""
    locality: Claim
    """Where the words went, summed up from where the seats were."""
    caveats: tuple[Claim, ...]
    """What a reader must know to trust the result rightly."""
    seats: tuple[SeatMinutes, ...]
    """Who sat in the circle."""
    arguments: tuple[OptionArguments, ...]
    """For and against each option, the outcome first."""
    agreed: tuple[Claim, ...]
    """What nobody stood against."""
    open_points: tuple[Claim, ...]
    """Reservations, questions of the last round of talk that nobody answered after, and what no majority carried."""
    dissent: tuple[Claim, ...]
    """Those who did not support the outcome, in their own words."""
    changes: tuple[Change, ...]
    """Changes of position."""
    comparable: bool
    """Whether there are ballots before and after the exchange that can be compared."""
    conformity: tuple[Claim, ...]
    """What the exchange did to agreement; or why it cannot be told."""
    rounds: tuple[RoundMinutes, ...]
    """What was said."""
    ballots: tuple[BallotMinutes, ...]
    """What was voted, in order."""
    scores: Mapping[str, Mapping[str, MeanScore]]
    """Mean scores by seat and dimension; the circle's weighted mean stands under an empty name."""
    spending: Mapping[str, Spending]
    """What was used by seat; the total stands under an empty name."""
    round_spending: Mapping[int, Spending]
    """What the statements of each round used, by its index; ballots, floor answers, dissent and summary are in the total only."""
    co2_grams: float | None
    """Grams of CO2 equivalent of the joules, at the carbon intensity that the plan names; None without both."""
    conversation: Conversation | None
    """Who spoke how much, who took up whom and who was never heard; None with fewer than two speakers."""
    influence: Mapping[str, float | None]
    """By seat, how much more of what it said before is found in the outcome's text than in a random mix of all that was said, in
    standard deviations."""
    resumed_at: tuple[datetime, ...]
    """When it went on after breaking off."""
    turns: tuple[str, ...]
    """Ids of all turns these minutes show; every link leads to one of them."""
    record: Record
    """Where this comes from."""
    check: str = ""
    """What came of following every link and looking up every quote, in a sentence."""
    secret_ballots: bool = False
    """Whether it is left out who cast which ballot."""
