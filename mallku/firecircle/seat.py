"""A seat: a persona, and the participant that speaks for it."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Final

from mallku.dialogue.participant import HasConcerns, Participant
from mallku.dialogue.prompt import GenerationSettings
from mallku.events.kinds import SeatFacts
from mallku.firecircle.persona import Persona

_RECORDED_SETTINGS: Final = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "repeat_penalty", "reasoning")


@dataclass(slots=True)
class Seat:
    """One place in the circle. The participant changes if a substitute takes it; everything else stays."""

    persona: Persona
    """Who the seat is."""
    participant: Participant
    """Who speaks for it now."""
    weight: float = 1.0
    """Weight of its ballot."""
    score_weight: float = 1.0
    """Weight of its pattern scores in the circle's aggregate."""
    track_reciprocity: bool = True
    """Whether its statements are scored for reciprocity."""
    settings: GenerationSettings = field(default_factory=GenerationSettings)
    """How its answers are generated."""
    substitutes: list[Participant] = field(default_factory=list)
    """Who takes the seat if the participant fails, in order."""

    @property
    def name(self) -> str:
        """The seat's name."""
        return self.persona.name

    @property
    def concerns(self) -> tuple[str, ...]:
        """What its participant has to tell whoever seated it."""
        return tuple(self.participant.concerns) if isinstance(self.participant, HasConcerns) else ()

    def facts(self) -> SeatFacts:
        """Return what goes into the record about this seat."""
        known = self.participant.facts
        return SeatFacts(
            name=self.name,
            role=self.persona.role,
            persona=self.persona.instructions,
            weight=self.weight,
            score_weight=self.score_weight,
            track_reciprocity=self.track_reciprocity,
            spec=known.spec,
            model=known.model,
            server=known.server,
            location=known.location,
            address=known.address,
            weights=known.weights,
            context_window=known.context_window,
            settings={name: value for name in _RECORDED_SETTINGS if (value := getattr(self.settings, name)) is not None},
        )

    def asked(self, **changes: object) -> GenerationSettings:
        """Return the seat's settings with those `changes` that are not None."""
        return replace(self.settings, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]


def derived_seed(seed: int, *parts: object) -> int:
    """Derive a seed below 2**31 from the deliberation's seed and what it is for; the same everywhere and for ever."""
    text = "/".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
