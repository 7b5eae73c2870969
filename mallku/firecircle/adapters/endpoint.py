"""One model endpoint as all its participants share it: what is known and learnt about it, and who may ask now."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar, cast, runtime_checkable

from mallku.catalog.endpoint_facts import EndpointFacts
from mallku.catalog.endpoint_probe import passes_on
from mallku.catalog.server_presets import preset
from mallku.dialogue.prompt import Deadlines
from mallku.firecircle.adapters.admission import Admission
from mallku.firecircle.adapters.circuit_breaker import CircuitBreaker
from mallku.wire.dialect import Dialect, dialect_of

BYTES_PER_TOKEN: Final = 3.0
"""UTF-8 bytes that are counted as one token until an endpoint has reported how many it was: few tokenizers need more tokens."""

_WARM_FOR_S: Final = 240.0
_WARM_FIRST_TOKEN_S: Final = 60.0
_SLOWEST_READING: Final = 1 / 50
_READING_MARGIN: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointProfile:
    """What is known about an endpoint and one of its models. Learning makes a new profile; `mallku doctor` shows it."""

    facts: EndpointFacts
    """What the endpoint says about itself."""
    model: str
    """The model that is asked; empty if the endpoint serves one whatever it is asked for."""
    dialect: Dialect
    """How it is asked."""
    window: int | None = None
    """Tokens it holds, reported or learnt from a refusal; None if unknown."""
    parallel: int = 1
    """Requests it is sent at once."""
    bytes_per_token: float = BYTES_PER_TOKEN
    """UTF-8 bytes of a prompt per token, corrected by what was reported."""
    calibrated: bool = False
    """Whether the endpoint has reported a token count yet."""
    reasons: bool = False
    """Whether it has been seen to reason before it speaks."""
    learnt: tuple[str, ...] = ()
    """What was learnt from refusals, in words."""

    @property
    def passes_on(self) -> bool:
        """Whether the endpoint passes requests for this model on to another machine."""
        return passes_on(self.facts, self.model)

    def knowing(self, lesson: str, *, dialect: Dialect | None = None, window: int | None = None) -> "EndpointProfile":
        """Return this profile with one lesson more."""
        learnt = self.learnt if lesson in self.learnt else (*self.learnt, lesson)
        return replace(self, dialect=dialect or self.dialect, window=window or self.window, learnt=learnt)


def first_profile(
    facts: EndpointFacts, *, model: str, window: int | None = None, parallel: int | None = None, dialect: Dialect | None = None
) -> EndpointProfile:
    """Return what can be known before the first answer; what the user says goes before what the endpoint says."""
    served = next((entry for entry in facts.models if entry.id == model), None)
    if served is None and len(facts.speakers) == 1:
        served = facts.speakers[0]
    known = preset(facts.server)
    reported = served.window if served else None
    return EndpointProfile(
        facts=facts,
        model=model,
        dialect=dialect or dialect_of(facts.server),
        window=min(window, reported) if window and reported else window or reported,
        parallel=parallel or facts.parallel or (known.parallel if known else 1),
    )


class Endpoint:
    """Shared by every participant that speaks through the same server: admission, and the opening of cold models."""

    def __init__(self, *, slots: int, pool: int | None, loads_on_demand: bool) -> None:
        """Start with the places and the shared memory the endpoint reported."""
        self.admission = Admission(slots=slots, pool=pool, one_model=loads_on_demand)
        """Who may ask now."""
        self.breaker = CircuitBreaker(clock=lambda: asyncio.get_running_loop().time())
        """Whether it is worth asking now."""
        self._loads_on_demand = loads_on_demand
        self._opening: dict[str, asyncio.Lock] = {}
        self._warm_since: dict[str, float] = {}
        self._seconds_per_token = 0.0

    def is_cold(self, model: str) -> bool:
        """Whether the next request for `model` may have to wait until it is loaded."""
        return self._loads_on_demand and not self._is_warm(model)

    def keep_warm(self, model: str) -> None:
        """Note that `model` has just answered."""
        self._warm_since[model] = asyncio.get_running_loop().time()

    def read_in(self, seconds: float, *, tokens: int) -> None:
        """Note how long it took from a request of so many tokens to the first one of the answer."""
        self._seconds_per_token = max(self._seconds_per_token, seconds / max(1, tokens))

    def deadlines(self, asked: Deadlines, *, model: str, tokens: int) -> Deadlines:
        """Return the deadlines of a request of so many tokens: a model that has just answered need not be waited for as if it were cold.

        A warm model has a minute, and time to read the prompt: at 50 tokens a second, or four times as long as it ever took here.
        """
        if asked.first_token is None or not self._is_warm(model):
            return asked
        reading = tokens * max(_SLOWEST_READING, _READING_MARGIN * self._seconds_per_token)
        return replace(asked, first_token=min(asked.first_token, _WARM_FIRST_TOKEN_S + reading))

    def _is_warm(self, model: str) -> bool:
        warm_since = self._warm_since.get(model)
        return warm_since is not None and asyncio.get_running_loop().time() - warm_since <= _WARM_FOR_S

    @asynccontextmanager
    async def opened(self, model: str) -> AsyncIterator[None]:
        """Let the first request for a cold model go alone: some servers load one copy for each of several simultaneous ones."""
        if self.is_cold(model):
            async with self._opening.setdefault(model, asyncio.Lock()):
                if self.is_cold(model):
                    yield
                    return
        yield


class Line(Protocol):
    """A line to a server, as far as it is told apart here."""

    closed: bool
    """Whether the last who used it has left."""


Dialled = TypeVar("Dialled", bound=Hashable)
LineKind = TypeVar("LineKind", bound=Line)


class Endpoints:
    """The endpoints of one circle and the lines to them: seats that ask the same server wait for each other, and dial it once."""

    def __init__(self) -> None:
        """Start with none."""
        self._known: dict[str, Endpoint] = {}
        self._lines: dict[Hashable, Line] = {}

    def at(self, address: str, endpoint: Endpoint) -> Endpoint:
        """Return what is shared at `address`: `endpoint`, unless somebody was there before."""
        return self._known.setdefault(address, endpoint)

    def line(self, dialling: Dialled, make: Callable[[Dialled], LineKind]) -> LineKind:
        """Return the line of those who dial alike: the one that is open, else a new one."""
        line = self._lines.get(dialling)
        if line is None or line.closed:
            line = self._lines[dialling] = make(dialling)
        return cast("LineKind", line)


@runtime_checkable
class SharesEndpoint(Protocol):
    """A participant that may speak through the same server as others."""

    def share(self, endpoints: Endpoints) -> None:
        """Use the endpoints of `endpoints` from now on, before or after connecting."""
        ...


def share_endpoints(participants: Iterable[object]) -> None:
    """Let all of these participants that ask the same server wait for each other as that server needs it."""
    endpoints = Endpoints()
    for participant in participants:
        if isinstance(participant, SharesEndpoint):
            participant.share(endpoints)
