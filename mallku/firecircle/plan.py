"""A plan: which rounds a deliberation has, how it is decided, and what happens when something fails. Data that people can read."""

from dataclasses import dataclass, field
from typing import Final, Literal

from mallku.dialogue.round_kinds import EXCHANGE_INSTRUCTION, INSTRUCTIONS, RoundKind
from mallku.dialogue.verdict import Secrecy
from mallku.errors import ConfigurationError
from mallku.firecircle.turn_orders import turn_order
from mallku.firecircle.visibility import Paradigm, Visibility

FailureStrategy = Literal["strict", "adaptive", "substitute", "wait-and-retry"]
"""What a failing participant does to the deliberation: ends it, is left out, is replaced, or is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePolicy:
    """Rules of order for participants that fail."""

    strategy: FailureStrategy = "adaptive"
    """What happens when a seat's attempts are used up."""
    attempts: int = 2
    """How often a seat is asked for one turn before its turn has failed, if asking again can help."""
    backoff_s: float = 1.0
    """Seconds before the second attempt; doubled for each further one. An endpoint's own `Retry-After` wins."""
    patience_s: float = 600.0
    """For `wait-and-retry`: seconds a turn may be waited for in all."""
    failed_turns: int = 2
    """After this many failed turns in a row the seat is lost."""

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        if self.attempts < 1 or self.failed_turns < 1:
            figures = f"`attempts` is {self.attempts!r} and `failed_turns` is {self.failed_turns!r}."
            raise ConfigurationError(figures, hint="Both must be at least 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """One round: what is asked, who speaks when, who sees what."""

    kind: RoundKind
    """Kind of the round."""
    title: str = ""
    """Title shown to people and participants; the kind if empty."""
    instruction: str = ""
    """What the seats are asked; the kind's own words if empty."""
    order: str = "simultaneous"
    """Who speaks when, by a name that `mallku.firecircle.turn_orders` knows, such as `round-robin` or `facilitator(Ada)`."""
    visibility: Visibility = "all"
    """How far a seat looks: at nothing the others said, at the rounds before, or at everything so far."""
    paradigm: Paradigm = "memory"
    """Whom a seat hears at all."""
    masked: bool | None = None
    """Whether speakers are shown under masks instead of names; None is yes in a round of critique, unless participants name each other
    in its order."""
    shuffled: bool | None = None
    """Whether each seat reads the statements of the round before in an order of its own; None is yes where the round is masked."""
    max_words: int | None = 90
    """Length asked of each statement, in words."""
    max_tokens: int | None = None
    """Most tokens of each answer; None leaves it to the participant."""
    temperature: float | None = None
    """Randomness of this round; None leaves it to the participant."""
    turns: int | None = None
    """Turns of the round; None is one for each seat."""
    turns_per_seat: int | None = None
    """Most turns of one seat in this round, or None."""
    max_share: float | None = None
    """Largest share of all words said that one seat may reach, 0..1, or None."""
    seats: tuple[str, ...] = ()
    """Seats that speak in this round; all if empty."""
    ranked: bool = False
    """Whether the seats vote on this round's statements before the next one, which is told what came out first. It decides nothing; it is
    counted under the `selection_rule`, and held only where no options are given and another round follows."""
    only_if: Literal["", "divergence"] = ""
    """When the round takes place: always, or only if the ballots before it diverge."""
    quorum: float = 0.0
    """Share of the round's seats, lost ones included, that must take part in it, by speaking or by passing; 0 asks for none."""
    without_quorum: Literal["end", "go-on"] = "end"
    """What happens where the quorum is not reached: the deliberation fails at once, undecided; or it goes on and its result says so."""

    @property
    def shown_title(self) -> str:
        """The title, or the kind where there is none."""
        return self.title or self.kind

    @property
    def hides_names(self) -> bool:
        """Whether the round is masked, after its default."""
        return self.masked if self.masked is not None else self.kind == "critique" and not turn_order(self.order).names_seats

    @property
    def reads_apart(self) -> bool:
        """Whether each seat reads the statements of the round before in an order of its own, after the default."""
        wanted = self.shuffled if self.shuffled is not None else self.hides_names
        return wanted and self.visibility != "sealed"

    @property
    def words(self) -> str:
        """The instruction, or the kind's own where there is none."""
        return self.instruction or INSTRUCTIONS[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPlan:
    """How the circle decides."""

    rule: str = "majority"
    """The rule under which the ballots are counted, such as `majority` or `supermajority(3/4)`; `none` for no ballot."""
    tie_break: str = "seeded"
    """How a tie is broken."""
    selection_rule: str = "schulze"
    """For a rule of consensus: the rule that chooses, from several options, the one proposal that is put to it. It also counts the votes
    on the statements of `ranked` rounds."""
    secrecy: Secrecy = "public"
    """Whether the minutes show who cast which ballot. The record always holds it."""
    ballot_before: bool = True
    """Whether each seat casts a private ballot before the exchange."""
    polls: bool = False
    """Whether seats also vote privately after each later round but the last, so that agreement or impasse can end the rounds."""
    control_ballot: bool = False
    """Whether each seat is asked again alone, with nothing but its own opening, to tell conformity from second thoughts."""
    candidates_from: int | None = None
    """Index of the round whose statements are voted on where no options are given; None is the last round."""
    exclude_self_votes: bool = True
    """Whether a seat may not vote for its own statement, where statements of at least three seats stand."""
    quorum: float = 0.5
    """Share of the seats that must cast a valid ballot for the result to count."""
    minority_report: bool = True
    """Whether seats that do not support the outcome are asked to say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A deliberation's whole procedure."""

    name: str = "default"
    """Name of the plan."""
    description: str = ""
    """What it is for, in a sentence."""
    rounds: tuple[RoundPlan, ...]
    """The rounds, in order."""
    decision: DecisionPlan = field(default_factory=DecisionPlan)
    """How the circle decides."""
    failure: FailurePolicy = field(default_factory=FailurePolicy)
    """What happens when a participant fails."""
    charter: str = ""
    """System message of all prompts; the standard charter if empty."""
    endings: tuple[str, ...] = ()
    """Conditions that end the rounds early, such as `agreement(0.8)` or `deadline(600)`; the first that holds counts."""
    summary_by: str = ""
    """Seat that sums the deliberation up in the end, or empty for none."""
    precedents: int = 0
    """How many earlier decisions on the matter are laid before the circle, from the same journal."""
    min_seats: int = 0
    """Fewest seats with which the deliberation goes on; 0 asks for two, since one voice left alone deliberates with nobody, or for
    one in a circle that was seated with one."""
    grams_co2_per_kwh: float | None = None
    """Carbon intensity of the power here, in grams of CO2 equivalent per kilowatt hour; without it the minutes tell joules only."""

    def __post_init__(self) -> None:
        """Refuse a plan without rounds."""
        if not self.rounds:
            raise ConfigurationError(f"The plan {self.name!r} has no rounds.", hint="Give it at least an opening round.")

    def seats_needed(self, seated: int) -> int:
        """Return the fewest seats with which a circle of `seated` seats goes on."""
        return self.min_seats or min(2, seated)


EXCHANGE: Final = RoundPlan(kind="reflection", title="exchange", instruction=EXCHANGE_INSTRUCTION, order="seeded-shuffle")
"""A round in which each seat answers another, one after the other in a seeded order."""


def default_plan(*, exchanges: int = 1, rule: str = "majority") -> Plan:
    """Return the default plan: sealed opening with a private ballot, `exchanges` rounds of exchange, synthesis, final ballot.

    Independent views come first because voting gives most of the gain of group decisions and conformity is the main risk
    (Choi et al. 2025, arXiv 2508.17536; Kaesberg et al. 2025, arXiv 2502.19130).
    """
    if exchanges < 0:
        raise ConfigurationError(f"`exchanges` is {exchanges!r}.", hint="Give 0 or more rounds of exchange.")
    opening = RoundPlan(kind="opening", visibility="sealed")
    synthesis = RoundPlan(kind="synthesis", visibility="previous-rounds")
    return Plan(
        description="Independent views first, then exchange, then a decision.",
        rounds=(opening, *(EXCHANGE,) * exchanges, synthesis),
        decision=DecisionPlan(rule=rule),
    )
