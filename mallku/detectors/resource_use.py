"""Resource use of a turn: measured figures, and how frugal the turn was against the circle's own recent turns."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from mallku.detectors.detector import JudgedTurn
from mallku.dialogue.response import Timings
from mallku.dialogue.score import Evidence, Score
from mallku.dialogue.transcript import Statement

REFERENCE_TURNS = 24
"""How many of the circle's last turns the rolling reference looks back on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUse:
    """What turns cost together. None means that nobody measured it, which is not 0."""

    turns: int = 0
    """Number of turns."""
    prompt_tokens: int | None = None
    """Tokens read, those from a cache included."""
    cached_tokens: int | None = None
    """Tokens read from a cache."""
    completion_tokens: int | None = None
    """Tokens written, private reasoning included."""
    total_s: float | None = None
    """Seconds waited, summed over turns."""
    first_token_s: float | None = None
    """Median of seconds to the first token."""
    compute_s: float | None = None
    """Seconds of the engine's busy time."""
    cpu_s: float | None = None
    """Processor seconds."""
    peak_rss_bytes: int | None = None
    """Largest resident memory, in bytes."""
    vram_bytes: int | None = None
    """Largest accelerator memory, in bytes."""
    energy_j: float | None = None
    """Energy above idle, in joules; only if every turn has a figure."""
    energy_source: str = "none"
    """Where the energy figures come from; `mixed` if from several places."""
    energy_uncertainty: float | None = None
    """Largest relative uncertainty among the energy figures."""
    incomplete: tuple[str, ...] = ()
    """Figures that only some of the turns have; their sums are lower bounds."""

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens written per second waited."""
        return None if not self.completion_tokens or not self.total_s else self.completion_tokens / self.total_s

    @property
    def joules_per_token(self) -> float | None:
        """Joules per token written."""
        return None if self.energy_j is None or not self.completion_tokens else self.energy_j / self.completion_tokens

    def carbon_g(self, *, grams_per_kwh: float) -> float | None:
        """Return grams of CO2 equivalent at the carbon intensity given by the user, or None without an energy figure."""
        return None if self.energy_j is None else self.energy_j / 3_600_000 * grams_per_kwh


def resource_use(statements: Iterable[Statement]) -> ResourceUse:
    """Add up what statements cost: those of a turn, a round, a seat or a whole decision."""
    turns = list(statements)
    column = _Columns(turns)
    prompt = column.usage("prompt_tokens")
    cached = column.usage("cached_tokens")
    completion = column.usage("completion_tokens")
    total = column.timing("total_s")
    first = column.timing("first_token_s")
    compute = column.timing("compute_s")
    cpu = column.timing("cpu_s")
    rss = column.timing("peak_rss_bytes")
    vram = column.timing("vram_bytes")
    energy = column.timing("energy_j")
    sources = {turn.timings.energy_source for turn in turns if turn.timings.energy_j is not None}
    return ResourceUse(
        turns=len(turns),
        prompt_tokens=int(sum(prompt)) if prompt else None,
        cached_tokens=int(sum(cached)) if cached else None,
        completion_tokens=int(sum(completion)) if completion else None,
        total_s=sum(total) if total else None,
        first_token_s=median(first) if first else None,
        compute_s=sum(compute) if compute else None,
        cpu_s=sum(cpu) if cpu else None,
        peak_rss_bytes=int(max(rss)) if rss else None,
        vram_bytes=int(max(vram)) if vram else None,
        energy_j=sum(energy) if len(energy) == len(turns) and turns else None,
        energy_source="none" if not sources else sources.pop() if len(sources) == 1 else "mixed",
        energy_uncertainty=max(column.timing("energy_uncertainty"), default=None),
        incomplete=tuple(name for name in column.incomplete if name != "energy_uncertainty"),
    )


@dataclass(slots=True)
class _Columns:
    turns: list[Statement]
    incomplete: list[str] = field(default_factory=list)

    def usage(self, name: str) -> list[float]:
        return self._known(name, [getattr(turn.usage, name) for turn in self.turns])

    def timing(self, name: str) -> list[float]:
        return self._known(name, [getattr(turn.timings, name) for turn in self.turns])

    def _known(self, name: str, values: list[float | None]) -> list[float]:
        found = [value for value in values if value is not None]
        if found and len(found) < len(values):
            self.incomplete.append(name)
        return found


_COSTS = (("energy_j", "J/token"), ("compute_s", "s/token"), ("cpu_s", "s/token"), ("total_s", "s/token"))
"""Measured costs of a written token, the most telling first."""


class ResourceUseDetector:
    """Scores how frugal a turn was: reference / (reference + cost) per written token, so that 0.5 is usual in this circle.

    The reference is the median over the circle's last turns, those of the same kind of round if there are two. Nothing is
    judged in absolute terms: a slow computer is not a wasteful one.
    """

    dimension = "resource_use"

    def judge(self, turn: JudgedTurn) -> Score:
        """Compare the turn's measured cost with the circle's reference."""
        earlier = turn.previous[-REFERENCE_TURNS:]
        alike = [statement for statement in earlier if statement.round_kind == turn.statement.round_kind]
        for name, unit in _COSTS:
            cost = _cost(turn.statement, name)
            if cost is None:
                continue
            of_kind = [known for statement in alike if (known := _cost(statement, name)) is not None]
            of_all = [known for statement in earlier if (known := _cost(statement, name)) is not None]
            references = of_kind if len(of_kind) > 1 else of_all
            if references:
                return self._score(name, unit, cost, median(references), turn.statement.timings)
        if any(_cost(turn.statement, name) is not None for name, _ in _COSTS):
            return Score.unscored(self.dimension, "No earlier turn of this circle was measured the same way.", detector="resource_use/1")
        return Score.unscored(self.dimension, "Nobody measured what this turn cost.", detector="resource_use/1")

    def _score(self, name: str, unit: str, cost: float, reference: float, timings: Timings) -> Score:
        value = reference / (reference + cost) if reference + cost > 0 else 0.5
        source = f" ({timings.energy_source})" if name == "energy_j" else ""
        return Score(
            dimension=self.dimension,
            value=value,
            raw=value,
            reason=f"{cost:.4g} {unit} against {reference:.4g} in this circle so far{source}.",
            confidence=1 - min(1.0, timings.energy_uncertainty or 0.0) if name == "energy_j" else None,
            evidence=(
                Evidence(label=f"{name}-per-token", contribution=value, measured=cost, unit=unit),
                Evidence(label=f"reference-{name}-per-token", contribution=0.0, measured=reference, unit=unit),
            ),
            detector="resource_use/1",
        )


def _cost(statement: Statement, name: str) -> float | None:
    figure: float | None = getattr(statement.timings, name)
    tokens = statement.usage.completion_tokens
    return None if figure is None or not tokens else figure / tokens
