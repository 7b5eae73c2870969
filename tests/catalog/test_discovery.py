"""What answers on this machine is found, asked only harmless questions, and described."""

import pytest
from pydantic import SecretStr
from stand_in import Reply, StandIn, as_json, models, stream

from mallku.catalog.endpoint_probe import candidate_urls, probe
from mallku.catalog.guarded_client import GuardedClient
from mallku.catalog.local_servers import discover_servers
from mallku.catalog.server_presets import PRESETS, preset_or_error
from mallku.errors import ConfigurationError, EndpointRefused, EndpointUnreachable, ProtocolViolation

HARMLESS = {"/models", "/props", "/info", "/api/tags", "/api/ps", "/api/v1/models", "/api/extra/true_max_context_length"}


async def ask(server, key=None):
    async with GuardedClient(key=key) as client:
        return await probe(server.url, client=client, timeout_s=3)


MAKERS = {
    "llama-server": (models("m", owned_by="llamacpp", meta={"n_ctx": 4096, "n_ctx_train": 8192}), {}, 4096),
    "llama-server by its header": (as_json({"data": [{"id": "m"}]}, Server="llama.cpp"), {}, None),
    "vllm": (models("m", owned_by="vllm", max_model_len=32768), {}, 32768),
    "sglang": (models("m", owned_by="sglang", max_model_len=16384), {}, 16384),
    "docker-model-runner": (models("m", owned_by="docker", dmr={"context_window": 4096}), {}, 4096),
    "xinference": (models("m", owned_by="xinference", context_length=2048, model_engine="llama.cpp"), {}, 2048),
    "lemonade": (models("m", owned_by="lemonade", context_length=8192), {}, 8192),
    "llama-cpp-python": (models("m", owned_by="me"), {}, None),
    "fastchat": (models("m", owned_by="fastchat"), {}, None),
    "gpt4all": (models("m", owned_by="humanity"), {}, None),
    "text-generation-webui": (models("m", owned_by="user"), {}, None),
    "localai": (models("m"), {}, None),
    "koboldcpp": (models("m", owned_by="koboldcpp"), {"/api/extra/true_max_context_length": as_json({"value": 2048})}, 2048),
    "tgi": (models("m", owned_by="m"), {"/info": as_json({"router": "text-generation-router", "max_total_tokens": 1024})}, 1024),
    "lm-studio": (
        models("m", owned_by="organization_owner"),
        {"/api/v1/models": as_json({"models": [{"key": "m", "loaded_instances": [{"id": "m", "config": {"context_length": 6000}}]}]})},
        6000,
    ),
    "ollama": (
        models("m", owned_by="library"),
        {"/api/ps": as_json({"models": [{"name": "m", "context_length": 4096}]}), "/api/tags": as_json({"models": []})},
        4096,
    ),
}  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
async def test_each_server_is_told_by_its_own_marks_and_its_window_is_read(maker):
    listed, routes, window = MAKERS[maker]
    async with StandIn(stream("x"), listed=listed, **routes) as server:
        facts = await ask(server)

    assert facts.server == maker.removesuffix(" by its header")
    assert facts.models[0].window == window
    assert {asked.path.removeprefix("/v1") for asked in server.asked} <= HARMLESS
    assert {asked.method for asked in server.asked} == {"GET"}


async def test_an_unknown_server_is_asked_for_its_models_and_nothing_else():
    async with StandIn(stream("x"), listed=models("m", owned_by="somebody")) as server:
        facts = await ask(server)

    assert (facts.server, [asked.path for asked in server.asked]) == ("", ["/v1/models"])


async def test_answers_that_make_no_sense_to_further_questions_are_ignored():
    for nonsense in (as_json([1, 2]), as_json({"models": "many"}), Reply(body=b"\xff\xfe"), as_json({"default_generation_settings": 3})):
        async with StandIn(stream("x"), listed=models("m", owned_by="llamacpp"), **{"/props": nonsense}) as server:
            facts = await ask(server)

        assert facts.models[0].window is None


async def test_a_demanded_key_and_a_refused_key_are_told_apart():
    async with StandIn(stream("x"), listed=as_json({"error": "no"}, 401)) as server:
        with pytest.raises(EndpointRefused, match="demands a key"):
            await ask(server)
        with pytest.raises(EndpointRefused, match="refuses the key given"):
            await ask(server, key=SecretStr("k"))


async def test_a_redirect_is_named_and_not_followed():
    async with StandIn(stream("x"), listed=Reply(status=301, headers={"location": "http://203.0.113.4/"})) as server:
        with pytest.raises(ProtocolViolation, match=r"203\.0\.113\.4"):
            await ask(server)


@pytest.mark.parametrize(
    ("written", "tried"),
    [
        ("127.0.0.1:8080", ["http://127.0.0.1:8080/v1", "http://127.0.0.1:8080", "http://127.0.0.1:8080/engines/v1", "http://127.0.0.1:8080/api"]),
        ("http://h:1/v1/", ["http://h:1/v1"]),
        ("http://h:1/v1/chat/completions", ["http://h:1/v1"]),
        ("http://h:1/api", ["http://h:1/api", "http://h:1/api/v1"]),
        ("http://[::1]:8080", ["http://[::1]:8080/v1", "http://[::1]:8080", "http://[::1]:8080/engines/v1", "http://[::1]:8080/api"]),
    ],
)  # fmt: skip
def test_what_people_write_is_taken_for_what_they_mean(written, tried):
    assert list(candidate_urls(written)) == tried


@pytest.mark.parametrize("written", ["", "ftp://x", "http://", "http://h:port", "http://user:secret@h/"])
def test_what_is_no_address_is_refused(written):
    with pytest.raises(ConfigurationError) as caught:
        candidate_urls(written)

    assert "secret" not in str(caught.value)


async def test_servers_on_the_ports_are_found_together_and_silent_ones_do_not_hold_up():
    async with (
        StandIn(stream("x"), listed=models("a", owned_by="vllm")) as first,
        StandIn(stream("x"), listed=as_json({"error": "no"}, 401)) as locked,
        StandIn(stream("x"), listed=Reply(before_s=60)) as silent,
        StandIn(stream("x"), listed=Reply(body=b"<html>hello</html>", kind="text/html")) as page,
    ):
        ports = (first.port, locked.port, silent.port, page.port, 9)
        found = await discover_servers(ports=ports, timeout_s=0.5)

    assert [(server.facts.server if server.facts else "", bool(server.problem)) for server in found] == [("vllm", False), ("", True)]


async def test_nothing_answering_is_no_error():
    assert await discover_servers(ports=(9,)) == ()


async def test_a_port_where_nothing_listens_is_said_to_be_silent():
    async with GuardedClient() as client:
        with pytest.raises(EndpointUnreachable, match="Nothing answers at"):
            await probe("http://127.0.0.1:9", client=client)


def test_every_server_of_the_mission_has_a_preset():
    named = {"lm-studio", "text-generation-webui", "localai", "vllm", "fastchat", "ollama", "docker-model-runner", "llama-server"}

    assert named <= {entry.name for entry in PRESETS}
    assert preset_or_error("ollama").base_url == "http://127.0.0.1:11434/v1"
    with pytest.raises(ConfigurationError, match="lm-studio"):
        preset_or_error("lmstudio")
