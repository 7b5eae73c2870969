"""A participant that speaks through a server with OpenAI's chat completions protocol.

The only door to the openai SDK, which carries requests, authentication and connections. Its own retries are off (they know nothing of a
model that is loading), its environment variables are not read (a real key would go to the local server), and bodies are read here,
because it passes on HTML, empty streams and errors with status 200 as if they were answers.
"""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr
from typing_extensions import override

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
    ProtocolViolation,
    RemoteAddressRefused,
    UsageError,
)
from mallku.firecircle.adapters.chat_turn import ChatTurn, Knowledge
from mallku.firecircle.adapters.direct_connection import DirectConnection, can_go_directly
from mallku.firecircle.adapters.endpoint import Endpoint, EndpointProfile, Endpoints, first_profile
from mallku.firecircle.adapters.failures import RefusedError, refusal
from mallku.firecircle.adapters.model_choice import chosen_model
from mallku.firecircle.adapters.token_estimate import counted_by_server, estimated_tokens
from mallku.firecircle.adapters.turn_clock import TurnClock

if TYPE_CHECKING:
    import openai

    from mallku.catalog.guarded_client import GuardedClient

DEFAULT_MAX_TOKENS: Final = 512
"""Token cap where neither the circle nor the seat names one; without a cap some servers stop at 16 tokens and others never."""

_LEAST_TOKENS: Final = 64
_MOST_REPLAYS: Final = 4
_LOADING_S: Final = 300.0
_LOADING_POLL_S: Final = 0.5
_DUMMY_KEY: Final = "local"


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
        self._client: GuardedClient | None = None
        self._connection: _Connections | None = None
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
        known, connection = await self._connected(settings.deadlines.connect)
        needed = await self._needed(prompt, known.profile)
        settings = replace(settings, max_tokens=settings.max_tokens or _room(needed, known.profile.window))
        _refuse_silent_truncation(needed, known.profile)
        for replay in range(_MOST_REPLAYS):
            spoke = False
            known.endpoint.breaker.check(known.profile.facts.base_url)
            try:
                async with aclosing(self._turn(known, connection, prompt, settings, needed)) as parts:
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
        if known.profile.window is None or self._client is None or 2 * upper < known.profile.window:
            return upper
        exact = await counted_by_server(prompt, known.profile, client=self._client)
        return upper if exact is None else exact

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        if self._connection is not None:
            await self._connection.close()
        if self._client is not None:
            await self._client.close()

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
        if profile.facts.shared_pool is None or profile.calibrated or self._client is None:
            return upper
        exact = await counted_by_server(prompt, profile, client=self._client)
        return upper if exact is None else exact

    async def _turn(
        self, known: Knowledge, connection: "_Connections", prompt: Prompt, settings: GenerationSettings, needed: int
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

    async def _connected(self, limit_s: float | None = 10.0) -> tuple[Knowledge, "_Connections"]:
        if self._closed:
            raise UsageError("The participant is closed.", hint="Make a new one.")
        if self._known is not None and self._connection is not None:
            return self._known, self._connection
        from mallku.catalog.guarded_client import GuardedClient

        if self._client is None:
            self._client = GuardedClient(allow_remote=self._allow_remote, connect_s=limit_s, key=self._key, proxy=self._proxy)
        found = await self._probed(self._client, limit_s or 60.0)
        model = chosen_model(found, self._model)
        if not self._allow_remote:
            _refuse_remote_model(found, model)
        profile = first_profile(found, model=model, window=self._window, parallel=self._parallel)
        if self._known is None:
            own = Endpoint(slots=profile.parallel, pool=found.shared_pool, loads_on_demand=found.loads_on_demand)
            self._known = Knowledge(profile, self._endpoints.at(_address(found), own))
            self._connection = _Connections(found.base_url, key=self._key, client=self._client)
        assert self._connection is not None
        return self._known, self._connection


class _Connections:
    """Chooses for each request how it travels: directly to a local address over plain HTTP where it can, else through the SDK."""

    def __init__(self, base_url: str, *, key: SecretStr | None, client: "GuardedClient") -> None:
        self._base_url = base_url
        self._key = key or SecretStr(_DUMMY_KEY)
        self._client = client
        self._direct: DirectConnection | None = None
        self._sdk: _SdkConnection | None = None

    def send(self, body: dict[str, Any], profile: EndpointProfile, clock: TurnClock) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the answer to `body`; raises `RefusedError` for an error answer."""
        if self._direct is not None and self._direct.lost:
            # The guarded client looks the name up once more and classifies what it finds; the next request goes there directly.
            self._direct = None
        elif self._direct is None and can_go_directly(self._base_url):
            location, address = self._client.location(self._base_url) or ("public", "")
            if location in {"loopback", "private"}:
                self._direct = DirectConnection(self._base_url, address, key=self._key, connect_s=self._client.timeout.connect)
        if self._direct is not None:
            return self._direct.send(body, profile, clock)
        if self._sdk is None:
            self._sdk = _SdkConnection(self._base_url, client=self._client)
        return self._sdk.send(body, profile, clock)

    async def close(self) -> None:
        """Close what the guarded client does not."""
        if self._direct is not None:
            await self._direct.close()


class _SdkConnection:
    """Sends requests through the openai SDK's low-level `post`, which spares the walk over every message that `create` makes."""

    def __init__(self, base_url: str, *, client: "GuardedClient") -> None:
        self._base_url = base_url
        self._client = client
        self._sdk = _sdk_class()(api_key=_DUMMY_KEY, base_url=base_url, max_retries=0, http_client=client.http, timeout=client.timeout)

    @asynccontextmanager
    async def send(self, body: dict[str, Any], profile: EndpointProfile, clock: TurnClock) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the answer to `body`; raises `RefusedError` for an error answer."""
        import openai

        from mallku.catalog.guarded_client import bytes_of, transport_failure

        url = f"{self._base_url}/chat/completions"
        try:
            async with clock.limit(self._base_url):
                response: Any = await self._post(body)
        except openai.APIStatusError as error:
            answer = error.response
            raise refusal(answer.status_code, answer.text, answer.headers, body=body, profile=profile, url=url) from None
        except openai.APIConnectionError as error:
            raise transport_failure(error.__cause__ or error, url) from error
        except openai.OpenAIError as error:
            raise ProtocolViolation(f"{url} cannot be asked: {error}.", hint="Check the address and the key.") from error
        try:
            yield bytes_of(response, url)
        finally:
            await response.aclose()

    async def _post(self, body: dict[str, Any]) -> Any:
        """Send the request; once more if the server had just closed the connection that was to be used again."""
        import openai

        from mallku.catalog.guarded_client import broke_off, response_type

        send = functools.partial(
            self._sdk.post, "/chat/completions", cast_to=response_type(), body=body, stream=True, stream_cls=openai.AsyncStream
        )
        try:
            return await send()
        except openai.APIConnectionError as error:
            if not broke_off(error.__cause__):
                raise
            return await send()


def _room(needed: int, window: int | None) -> int:
    """Return the token cap of an answer for which none is named: the usual one, or what a small window leaves."""
    return DEFAULT_MAX_TOKENS if window is None else max(_LEAST_TOKENS, min(DEFAULT_MAX_TOKENS, window - needed))


def _secret(key: SecretStr | str) -> SecretStr | None:
    secret = SecretStr(key) if isinstance(key, str) else key
    return secret if secret.get_secret_value() else None


def _address(facts: EndpointFacts) -> str:
    """Return what is equal for all participants that ask the same server."""
    return facts.address or root_of(facts.base_url)


@functools.cache
def _sdk_class() -> "type[openai.AsyncOpenAI]":
    """Return the SDK's client, without headers about this machine and without anything from the environment."""
    import openai

    class LocalClient(openai.AsyncOpenAI):
        @property
        @override
        def default_headers(self) -> dict[str, Any]:
            return {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "mallku"}

    return LocalClient


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
