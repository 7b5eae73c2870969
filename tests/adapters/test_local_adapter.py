"""The mission's façade: settings with real effects, environment, and the same participant behind every backend."""

import pytest
from asking import PROMPT, answer, said
from stand_in import StandIn, as_json, chunk, models, stream

from mallku.dialogue.participant import Connectable, Participant
from mallku.dialogue.prompt import GenerationSettings
from mallku.errors import ConfigurationError, EndpointUnreachable, ModelFileMissing
from mallku.events.kinds import SeatWarned
from mallku.firecircle import FireCircle
from mallku.firecircle.adapters.local_adapter import LocalAdapterConfig, LocalAIAdapter, LocalBackend, settled
from mallku.firecircle.adapters.spec import participant_from_spec
from mallku.tiny import rehearsal_model_path

KEY = "sk-planted-7391"


def test_an_adapter_is_a_participant_that_can_be_connected():
    adapter = LocalAIAdapter(config=LocalAdapterConfig())

    assert isinstance(adapter, Participant)
    assert isinstance(adapter, Connectable)


async def test_the_quick_start_speaks_through_a_server_given_without_v1():
    async with StandIn(stream("We share ", "the water.")) as server:
        config = LocalAdapterConfig(
            backend=LocalBackend.OPENAI_COMPAT, base_url=server.root, api_key="not-needed", temperature=0.7, max_tokens=512
        )
        adapter = LocalAIAdapter(config=config)
        await adapter.connect()
        text = await said(adapter, max_tokens=None)
        await adapter.close()

    assert text == "We share the water."
    assert (server.chats[0]["temperature"], server.chats[0]["max_tokens"]) == (0.7, 512)
    assert (adapter.facts.model, adapter.facts.location) == ("m", "loopback")


async def test_an_ollama_server_is_asked_the_way_it_understands():
    rows = [{"name": "llama3.2:latest", "model": "llama3.2:latest"}]
    async with StandIn(
        stream("Yes."),
        listed=models("llama3.2:latest", owned_by="library"),
        **{"/api/tags": as_json({"models": rows}), "/api/ps": as_json({"models": [{**rows[0], "context_length": 4096}]})},
    ) as server:
        adapter = LocalAIAdapter(LocalAdapterConfig(backend=LocalBackend.OLLAMA, base_url=server.root, model_name="llama3.2", top_k=5))
        await adapter.connect()
        text = await said(adapter)
        await adapter.close()

    assert text == "Yes."
    assert server.chats[0]["model"] == "llama3.2:latest"
    assert "top_k" not in server.chats[0]
    assert adapter.facts.context_window == 4096


async def test_connect_raises_and_never_returns_false():
    adapter = LocalAIAdapter(LocalAdapterConfig(base_url="http://127.0.0.1:9"))

    with pytest.raises(EndpointUnreachable, match="Nothing answers"):
        await adapter.connect()
    await adapter.close()


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [("top_p", 0.5, "top_p"), ("seed", 4, "seed"), ("stop", ("X",), "stop"), ("top_k", 3, "top_k"), ("min_p", 0.1, "min_p")],
)
async def test_sampling_options_reach_the_server(field, value, sent):
    async with StandIn(stream("ok"), listed=models("m", owned_by="vllm")) as server:
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, **{field: value}))
        await said(adapter)
        await adapter.close()

    assert server.chats[0][sent] == (list(value) if field == "stop" else value)


def test_the_circle_goes_before_the_seat_and_stop_texts_of_both_count():
    merged = settled(GenerationSettings(max_tokens=5, stop=("a",)), GenerationSettings(max_tokens=9, temperature=0.1, stop=("b",)))

    assert (merged.max_tokens, merged.temperature, merged.stop) == (5, 0.1, ("a", "b"))


async def test_without_emit_events_the_answer_comes_whole():
    async with StandIn(stream("a", "b")) as server:
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, emit_events=False, consciousness_weight=0.5))
        deltas, response = await answer(adapter)
        await adapter.close()

    assert (deltas, response.text, adapter.score_weight) == ([], "ab", 0.5)


async def test_a_given_context_length_caps_what_is_used_of_a_servers_window():
    async with StandIn(stream("a"), listed=models("m", owned_by="vllm", max_model_len=8192)) as server:
        capped = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, context_length=1024))
        whole = LocalAIAdapter(LocalAdapterConfig(base_url=server.url))
        for adapter in (capped, whole):
            await adapter.connect()
            await adapter.close()

    assert (capped.facts.context_window, whole.facts.context_window) == (1024, 8192)


def test_an_unknown_setting_is_refused_with_a_guess():
    with pytest.raises(ConfigurationError, match="Did you mean `temperature`"):
        LocalAdapterConfig(temprature=0.3)


@pytest.mark.parametrize("wrong", [{"max_tokens": 0}, {"top_p": 2}, {"backend": "telepathy"}, {"gpu_layers": -2}, {"max_memory_gb": 0}])
def test_a_wrong_value_is_refused_by_name(wrong):
    with pytest.raises(ConfigurationError, match=f"`{next(iter(wrong))}`"):
        LocalAdapterConfig(**wrong)


def test_the_environment_fills_what_is_not_given(monkeypatch):
    monkeypatch.setenv("LOCAL_MODEL_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("LOCAL_MODEL_NAME", "named")
    monkeypatch.setenv("LOCAL_API_KEY", KEY)
    monkeypatch.setenv("MALLKU_LOCAL_TEMPERATURE", "0.25")
    config = LocalAdapterConfig(model_name="given")

    assert (config.base_url, config.model_name, config.temperature) == ("http://127.0.0.1:1/v1", "given", 0.25)
    assert config.api_key.get_secret_value() == KEY


def test_a_dotenv_file_counts_after_the_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("LOCAL_MODEL_NAME=from-file\nLOCAL_MODEL_BASE_URL=http://127.0.0.1:2\nOTHER=1\n")
    monkeypatch.setenv("LOCAL_MODEL_BASE_URL", "http://127.0.0.1:1")

    assert (LocalAdapterConfig().model_name, LocalAdapterConfig().base_url) == ("from-file", "http://127.0.0.1:1")


def test_a_key_shows_in_no_repr_and_in_no_error():
    config = LocalAdapterConfig(api_key=KEY)
    with pytest.raises(ConfigurationError) as caught:
        LocalAdapterConfig(api_key=KEY, top_p=7)
    with pytest.raises(ConfigurationError) as in_url:
        LocalAIAdapter(LocalAdapterConfig(base_url=f"http://me:{KEY}@127.0.0.1:1"))

    assert KEY not in f"{config!r} {config} {LocalAIAdapter(config)!r} {caught.value} {in_url.value}"


async def test_a_real_key_in_the_environment_stays_at_home(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"x-secret: {KEY}")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://203.0.113.1/v1")
    async with StandIn(stream("ok")) as server:
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url))
        await said(adapter)
        await adapter.close()

    assert KEY not in str([asked.headers for asked in server.asked])
    assert server.asked[-1].headers["authorization"] == "Bearer local"


async def test_the_given_key_is_presented_with_every_request():
    async with StandIn(stream("ok")) as server:
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, api_key=KEY))
        await said(adapter)
        await adapter.close()

    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    assert KEY not in str(adapter.facts)


def test_the_in_process_backend_needs_a_path():
    with pytest.raises(ConfigurationError, match="model_path"):
        LocalAIAdapter(LocalAdapterConfig(backend=LocalBackend.LLAMACPP))


async def test_a_spec_names_server_and_model_and_comes_back_from_the_facts():
    async with StandIn(stream("ok", chunk(model="big")), listed=models("big", "small")) as server:
        adapter = participant_from_spec(f"{server.url}#small")
        await adapter.connect()
        again = participant_from_spec(adapter.facts.spec)
        text = await said(again)
        for each in (adapter, again):
            await each.close()

    assert (text, server.chats[0]["model"]) == ("ok", "small")


@pytest.mark.parametrize("spec", ["", "nonsense", "gguf:", "ftp://x", "telepathy:model"])
def test_a_spec_that_says_nothing_is_refused_with_examples(spec):
    with pytest.raises(ConfigurationError, match="gguf:PATH"):
        participant_from_spec(spec)


@pytest.mark.parametrize(
    ("spec", "url"), [("ollama:llama3.2", "11434"), ("lm-studio", "1234"), ("docker-model-runner:ai/x", "12434/engines/v1")]
)
def test_known_servers_are_found_by_name(spec, url):
    assert url in str(participant_from_spec(spec).facts.spec)


@pytest.mark.live
@pytest.mark.parametrize("server", ["llama_server_url", "llama_cpp_python_url"])
async def test_the_quick_start_runs_against_servers_of_other_makers(server, request):
    adapter = LocalAIAdapter(LocalAdapterConfig(base_url=request.getfixturevalue(server), temperature=0.0, seed=1))
    await adapter.connect()
    deltas, response = await answer(adapter)
    count = await adapter.count_tokens(PROMPT)
    await adapter.close()

    assert response.text == "".join(delta.text for delta in deltas).strip()
    assert response.usage.completion_tokens
    assert count > 0
    assert adapter.facts.location == "loopback"


async def test_a_missing_model_file_is_named():
    pytest.importorskip("mallku.firecircle.adapters.in_process")
    adapter = LocalAIAdapter(LocalAdapterConfig(backend=LocalBackend.LLAMACPP, model_path="/nowhere/at-all.gguf"))

    with pytest.raises(ModelFileMissing, match="at-all"):
        await adapter.connect()
    await adapter.close()


async def test_a_gpu_that_was_asked_for_and_is_not_there_is_told_with_the_command_that_builds_one(tmp_path):
    asked, unasked = (
        LocalAIAdapter(LocalAdapterConfig(backend=LocalBackend.LLAMACPP, model_path=rehearsal_model_path(), **wish))
        for wish in ({"gpu_layers": -1}, {})
    )
    circle = FireCircle(journal=tmp_path / "journal.sqlite")
    circle.add_participant(asked, name="Ada")
    circle.add_participant(unasked, name="Ben")
    warned = []
    circle.bus.subscribe(warned.append, SeatWarned)
    async with circle:
        async for event in circle.stream("Should we share the well?"):
            if event.kind == "round_opened":
                break

    assert [event.seat for event in warned if "GPU" in event.warning] == ["Ada"]
    assert any("CMAKE_ARGS" in event.warning for event in warned)


@pytest.mark.parametrize(("given", "window"), [({}, 2048), ({"context_length": 3000}, 3000)])
async def test_a_model_in_process_holds_what_it_was_trained_with_unless_more_is_asked_for(given, window):
    adapter = LocalAIAdapter(LocalAdapterConfig(backend=LocalBackend.LLAMACPP, model_path=rehearsal_model_path(), **given))
    await adapter.connect()
    held = adapter.facts.context_window
    await adapter.close()

    assert held == window


@pytest.mark.parametrize(
    ("window", "given", "caps"), [(None, {}, [512]), (8192, {}, [512]), (400, {}, range(64, 400)), (400, {"max_tokens": 300}, [300])]
)
async def test_an_answer_gets_no_more_room_than_a_small_window_leaves_unless_more_is_asked_for(window, given, caps):
    listed = models("m", owned_by="vllm", **({"max_model_len": window} if window else {}))
    async with StandIn(stream("yes"), listed=listed) as server:
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, **given))
        await said(adapter, max_tokens=None)
        await adapter.close()

    assert server.chats[0]["max_tokens"] in caps
