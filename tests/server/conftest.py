import sys
from pathlib import Path

import anthropic
import httpx2
import openai
import pytest

from mallku.server.app import create_app
from mallku.server.participant_backend import ParticipantBackend
from mallku.server.roster import Roster
from mallku.server.settings import ServerSettings
from mallku.testing import ScriptedParticipant

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.server_thread import running


@pytest.fixture
def serve():
    """Return a function that serves backends and returns the address; all end with the test."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(*backends, **settings):
            chosen = ServerSettings(port=0, grace_s=1, **settings)
            app = create_app(chosen, roster=Roster(backends, default=chosen.default_model))
            return stack.enter_context(running(app, chosen))

        yield start


@pytest.fixture(scope="module")
def lasting_server():
    """Serve one scripted model for all tests of a module."""
    settings = ServerSettings(port=0, grace_s=1)
    backend = ParticipantBackend("scripted", ScriptedParticipant(["Let us share the well."]))
    with running(create_app(settings, roster=Roster([backend])), settings) as address:
        yield address


@pytest.fixture
def scripted():
    """Return a function that makes a model that says what it was told to say."""

    def make(*texts, name="scripted", **kwargs):
        return ParticipantBackend(name, ScriptedParticipant(texts or ("Let us share the well.",), **kwargs))

    return make


@pytest.fixture
def http():
    with httpx2.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def openai_client():
    """Return a function that makes OpenAI's client for an address."""
    made = []

    def make(address, key="none"):
        plain = openai.DefaultHttpx2Client(trust_env=False)
        made.append(openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, timeout=30, http_client=plain))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def anthropic_client():
    """Return a function that makes Anthropic's client for an address."""
    made = []

    def make(address, key="none"):
        made.append(anthropic.Anthropic(base_url=address, api_key=key, max_retries=0, timeout=30))
        return made[-1]

    yield make
    for client in made:
        client.close()
