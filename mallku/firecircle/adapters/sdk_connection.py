"""Requests through the openai SDK, which carries authentication and connections. The only door to it.

Its own retries are off (they know nothing of a model that is loading), its environment variables are not read (a real key would go to
the local server), and bodies are read by us, because it passes on HTML, empty streams and errors with status 200 as if they were answers.
"""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mallku.errors import ProtocolViolation
from mallku.firecircle.adapters.endpoint import EndpointProfile
from mallku.firecircle.adapters.failures import refusal
from mallku.firecircle.adapters.turn_clock import TurnClock

if TYPE_CHECKING:
    import openai

    from mallku.catalog.guarded_client import GuardedClient

DUMMY_KEY: Final = "local"
"""Presented where there is no key: the SDK insists on one."""


class SdkConnection:
    """Sends requests through the openai SDK's low-level `post`, which spares the walk over every message that `create` makes."""

    def __init__(self, base_url: str, *, client: "GuardedClient") -> None:
        """Send to `base_url` by `client`, which guards what is dialled and presents the key."""
        self._base_url = base_url
        self._client = client
        self._sdk = _sdk_class()(api_key=DUMMY_KEY, base_url=base_url, max_retries=0, http_client=client.http, timeout=client.timeout)

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
