from pathlib import Path

from gguf_models import write_transformer
from stand_in import StandIn, models, stream

from mallku.assembly.choice import choose_speakers, from_files, from_servers, rehearsal
from mallku.catalog.endpoint_facts import EndpointFacts, ServedModel
from mallku.catalog.local_servers import FoundServer, discover_servers
from mallku.catalog.model_facts import ModelFacts

URL = "http://127.0.0.1:11434/v1"


def server(*served, kind="ollama", url=URL):
    return FoundServer(url=url, facts=EndpointFacts(base_url=url, server=kind, models=served))


def file(name, size, **more):
    return ModelFacts(
        id=name, path=Path(f"/models/{name}.gguf"), format="gguf", architecture="llama", size_bytes=size, **{"chat_template": True, **more}
    )


def test_models_in_memory_come_first_and_at_most_three_are_taken():
    served = [ServedModel(id=f"m{n}", loaded=n in {2, 4, 5, 6}) for n in range(8)]

    assert from_servers([server(*served)]).specs == tuple(f"{URL}#m{n}" for n in (2, 4, 5))


def test_of_models_that_would_have_to_be_loaded_only_one_is_taken():
    assert from_servers([server(ServedModel(id="a", loaded=False), ServedModel(id="b", loaded=False))]).specs == (f"{URL}#a",)


def test_what_cannot_speak_or_speaks_elsewhere_is_left_out():
    silent = server(ServedModel(id="embed", embeds=True), ServedModel(id="big:cloud", remote=True))

    assert from_servers([silent]) is None
    assert from_servers([FoundServer(url=URL, problem="it demands a key")]) is None


def test_the_choice_names_model_server_and_place():
    told = from_servers([server(ServedModel(id="qwen3", loaded=True))]).told

    assert "qwen3" in told
    assert "Ollama" in told
    assert URL in told


def test_the_largest_comfortable_file_is_taken_else_the_smallest():
    small, middle, huge = file("small", 1_000_000_000), file("middle", 4_000_000_000), file("huge", 40_000_000_000)

    assert from_files([small, huge, middle]).specs == ("gguf:/models/middle.gguf",)
    assert from_files([huge, file("larger", 50_000_000_000)]).specs == ("gguf:/models/huge.gguf",)


def test_files_that_do_not_speak_are_left_out():
    assert from_files([file("base", 1, chat_template=False)]) is None


def test_seats_take_several_models_in_turn():
    choice = from_servers([server(ServedModel(id="a", loaded=True), ServedModel(id="b", loaded=True))])

    assert [choice.spec(index)[-1] for index in range(3)] == ["a", "b", "a"]


async def test_a_server_that_answers_is_found():
    async with StandIn(stream("Yes."), listed=models("m")) as stand_in:
        choice = from_servers(await discover_servers(ports=(stand_in.port,)))

        assert choice.specs == (f"{stand_in.url}#m",)


async def test_a_file_of_ones_own_is_found_before_the_rehearsal_model(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    write_transformer(folder / "mine.gguf")
    monkeypatch.setenv("MALLKU_MODELS", str(folder))

    choice = await choose_speakers()

    assert choice.specs == (f"gguf:{folder / 'mine.gguf'}",) or choice.specs[0].startswith("http://127.0.0.1:")


def test_the_rehearsal_model_says_plainly_what_it_is_and_how_to_get_a_real_one():
    told = rehearsal().told

    assert "rehearsal" in told
    assert "mean nothing" in told
    assert "--model" in told
