"""A participant that speaks through a server with OpenAI's chat completions protocol.

How requests travel is the line's business; here it is decided what is asked, and what an answer means for the seat.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from mallku.catalog.endpoint_facts import EndpointFacts
from mallku.catalog.endpoint_probe import candidate_urls, checked_proxy, passes_on, probe, root_of
from mallku.catalog.server_presets import preset
from mallku.dialogue.participant import ParticipantFacts
from mallku.dialogue.prompt import GenerationSettings, Prompt
from mallku.dialogue.response import Delta, Response
from mallku.errors import (
    ContextOverflow,
    DeadlineExceeded,
    EndpointUnreachable,
    Overloaded,
    RemoteAddressRefused,
    UsageError,
)
from mallku.firecircle.adapters.chat_turn import ChatTurn, Knowledge
from mallku.firecircle.adapters.endpoint import Endpoint, EndpointProfile, Endpoints, first_profile
from mallku.firecircle.adapters.failures import RefusedError
from mallku.firecircle.adapters.model_choice import chosen_model
from mallku.firecircle.adapters.server_line import Connections, Dialling, ServerLine
from mallku.firecircle.adapters.token_estimate import counted_by_server, estimated_tokens
from mallku.firecircle.adapters.turn_clock import TurnClock

if TYPE_CHECKING:
    from mallku.catalog.guarded_client import GuardedClient

DEFAULT_MAX_TOKENS: Final = 512
"""Token cap where neither the circle nor the seat names one; without a cap some servers stop at 16 tokens and others never."""

_LEAST_TOKENS: Final = 64
_MOST_REPLAYS: Final = 4
_LOADING_S: Final = 300.0
_LOADING_POLL_S: Final = 0.5


class OpenAICompatible:
    """Speaks through a local model server. Connects on first use, or when `connect` is called.

    Args:
        base_url: Address of the server, with or without `/v1`.
        model: The model to ask for; empty to take the only one the server lists.
        api_key: Key to present; without one a dummy is sent, never one from the environment.
        allow_remote: Whether the address may lie outside this machine and the local network, and whether models may be remote.
        window: Tokens to use at most, if fewer than the server has.
        parallel: Requests to send at once, instead of what the server reports.
        server: Kind of server, if it is known and not to be guessed.
        proxy: `http://HOST:PORT` of the proxy through which an address outside is reached; only with `allow_remote`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "",
        api_key: SecretStr | str = "",
        allow_remote: bool = False,
        window: int | None = None,
        parallel: int | None = None,
        server: str = "",
        proxy: str = "",
    ) -> None:
        candidate_urls(base_url)  # refuses what is no URL before anything else happens
        self._url = base_url
        self._model = model
        self._key = _secret(api_key)
        self._proxy = checked_proxy(proxy, allow_remote=allow_remote)
        self._allow_remote = allow_remote
        self._window = window
        self._parallel = parallel
        self._server = server
        self._line: ServerLine | None = None
        self._known: Knowledge | None = None
        self._endpoints = Endpoints()
        self._closed = False

    def __repr__(self) -> str:
        """Name the address and the model; never the key."""
        return f"OpenAICompatible({self._url!r}, model={self._model!r})"

    @property
    def profile(self) -> EndpointProfile | None:
        """What is known and learnt about the endpoint, or None before it is connected."""
        return self._known.profile if self._known else None

    @property
    def facts(self) -> ParticipantFacts:
        """What is known about this participant now."""
        profile = self.profile
        if profile is None:
            return ParticipantFacts(model=self._model, spec=f"{self._url}#{self._model}", location="loopback", server=self._server)
        found = profile.facts
        return ParticipantFacts(
            model=profile.model,
            spec=f"{found.base_url}#{profile.model}",
            # where a server passes requests on, the words do not end at its own address
            location="public" if profile.passes_on else found.location,
            address=f"{found.address}, which passes requests on" if profile.passes_on else found.address,
            server=found.server,
            context_window=profile.window,
            parallel=profile.parallel,
            weights=f"{found.address or found.base_url}#{profile.model}",
        )

    def share(self, endpoints: Endpoints) -> None:
        """Wait for others that ask the same server, as that server needs it."""
        self._endpoints = endpoints
        if self._known is not None:
            self._known.endpoint = endpoints.at(_address(self._known.profile.facts), self._known.endpoint)

    async def connect(self) -> None:
        """Dial, find out what serves there, and settle on a model.

        Raises:
            ParticipantError: Nothing answers, it demands a key, it is no model server, or it lies outside.
        """
        await self._connected()

    async def respond(self, prompt: Prompt, settings: GenerationSettings) -> AsyncGenerator[Delta | Response]:
        """Answer the prompt as a stream of deltas that ends in a `Response`."""
        known, line = await self._connected(settings.deadlines.connect)
        needed = await self._needed(prompt, known.profile)
        settings = replace(settings, max_tokens=settings.max_tokens or _room(needed, known.profile.window))
        _refuse_silent_truncation(needed, known.profile)
        for replay in range(_MOST_REPLAYS):
            spoke = False
            known.endpoint.breaker.check(known.profile.facts.base_url)
            try:
                async with aclosing(self._turn(known, line.connections, prompt, settings, needed)) as parts:
                    async for part in parts:
                        spoke = spoke or (isinstance(part, Delta) and part.channel == "text")
                        yield part
            except (EndpointUnreachable, DeadlineExceeded):
                known.endpoint.breaker.failed()
                raise
            except RefusedError as full:
                # requests that ran together filled the memory they share: once more, with fewer at once
                if spoke or replay == _MOST_REPLAYS - 1:
                    raise full.error from None
            else:
                known.endpoint.breaker.succeeded()
                return

    async def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens of `prompt`: exactly where the server can and it matters, else an upper estimate."""
        known, _ = await self._connected()
        upper = estimated_tokens(prompt, known.profile)
        if known.profile.window is None or self._line is None or 2 * upper < known.profile.window:
            return upper
        exact = await counted_by_server(prompt, known.profile, client=self._line.client)
        return upper if exact is None else exact

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        if self._line is not None:
            line, self._line = self._line, None
            await line.leave()

    async def _probed(self, client: "GuardedClient", limit_s: float) -> EndpointFacts:
        """Ask the endpoint who it is, and wait for it while it loads its model."""
        give_up = asyncio.get_running_loop().time() + _LOADING_S
        while True:
            try:
                return await probe(self._url, client=client, server=self._server, timeout_s=limit_s)
            except Overloaded:
                if asyncio.get_running_loop().time() > give_up:
                    raise
                await asyncio.sleep(_LOADING_POLL_S)

    async def _needed(self, prompt: Prompt, profile: EndpointProfile) -> int:
        """Return the tokens of the prompt: counted where requests share one memory and nothing is known yet, else estimated."""
        upper = estimated_tokens(prompt, profile)
        if profile.facts.shared_pool is None or profile.calibrated or self._line is None:
            return upper
        exact = await counted_by_server(prompt, profile, client=self._line.client)
        return upper if exact is None else exact

    async def _turn(
        self, known: Knowledge, connection: Connections, prompt: Prompt, settings: GenerationSettings, needed: int
    ) -> AsyncGenerator[Delta | Response]:
        endpoint, model = known.endpoint, known.profile.model
        tokens = needed + (settings.max_tokens or 0)
        async with endpoint.admission.admitted(tokens=tokens, model=model), AsyncExitStack() as opening:
            await opening.enter_async_context(endpoint.opened(model))
            clock = TurnClock(endpoint.deadlines(settings.deadlines, model=model, tokens=needed))
            turn = ChatTurn(connection, known, clock)
            async with aclosing(turn.answer(prompt, settings)) as parts:
                async for part in parts:
                    endpoint.keep_warm(model)
                    if isinstance(part, Response) and clock.first_token_s is not None:
                        endpoint.read_in(clock.first_token_s, tokens=needed)
                    await opening.aclose()
                    yield part

    async def _connected(self, limit_s: float | None = 10.0) -> tuple[Knowledge, ServerLine]:
        if self._closed:
            raise UsageError("The participant is closed.", hint="Make a new one.")
        if self._known is not None and self._line is not None:
            return self._known, self._line
        line = self._joined(limit_s)
        found = await line.facts(partial(self._probed, line.client, limit_s or 60.0))
        model = chosen_model(found, self._model)
        if not self._allow_remote:
            _refuse_remote_model(found, model)
        profile = first_profile(found, model=model, window=self._window, parallel=self._parallel)
        if self._known is None:
            own = Endpoint(slots=profile.parallel, pool=found.shared_pool, loads_on_demand=found.loads_on_demand)
            self._known = Knowledge(profile, self._endpoints.at(_address(found), own))
        return self._known, line

    def _joined(self, limit_s: float | None) -> ServerLine:
        """Return the line of those in the circle who dial alike, joined on first use."""
        if self._line is None:
            dialling = Dialling(
                url=self._url,
                server=self._server,
                key=self._key,
                allow_remote=self._allow_remote,
                proxy=self._proxy,
                connect_s=limit_s,
            )
            self._line = self._endpoints.line(dialling, ServerLine)
            self._line.join()
        return self._line


def _room(needed: int, window: int | None) -> int:
    """Return the token cap of an answer for which none is named: the usual one, or what a small window leaves."""
    return DEFAULT_MAX_TOKENS if window is None else max(_LEAST_TOKENS, min(DEFAULT_MAX_TOKENS, window - needed))


def _secret(key: SecretStr | str) -> SecretStr | None:
    secret = SecretStr(key) if isinstance(key, str) else key
    return secret if secret.get_secret_value() else None


def _address(facts: EndpointFacts) -> str:
    """Return what is equal for all participants that ask the same server."""
    return facts.address or root_of(facts.base_url)


def _refuse_remote_model(facts: EndpointFacts, model: str) -> None:
    if passes_on(facts, model):
        raise RemoteAddressRefused(
            f"The server at {facts.base_url} passes requests for {model!r} on to somebody else's machine.",
            hint="Nothing was sent. Choose a model that runs here, or say `allow_remote=True`, at the terminal `--allow-remote`.",
        )


def _refuse_silent_truncation(needed: int, profile: EndpointProfile) -> None:
    """Some servers drop the beginning of a prompt that is too long and answer 200; those are not even asked."""
    known = preset(profile.facts.server)
    if known and known.truncates and profile.calibrated and profile.window and needed > profile.window:
        raise ContextOverflow(
            f"The prompt takes about {needed} tokens, and {profile.model!r} at {profile.facts.base_url} holds {profile.window}.",
            hint=f"{known.title} would drop its beginning without a word. {known.window_hint}",
            needed=needed,
            window=profile.window,
        )
