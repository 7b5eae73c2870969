"""Models on disk are known from their headers, quickly, and no file can make that dear."""

import json
import struct
import tracemalloc
from contextlib import suppress

import gguf
import pytest
import safetensors.numpy
from gguf_models import write_transformer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_headers import ARRAY, STRING, entry, gguf_bytes, tensor, text, write_big_gguf, write_gguf, write_safetensors

from mallku.catalog.gguf_header import read_gguf_header
from mallku.catalog.model_facts import ModelFacts
from mallku.catalog.model_file import model_facts
from mallku.catalog.model_folders import ModelFolder, find_model_files, known_folders
from mallku.catalog.model_registry import ModelRegistry
from mallku.catalog.safetensors_header import read_safetensors_header
from mallku.errors import ConfigurationError, ModelFileError, ModelFileInvalid, ModelFileMissing

CARD = {"id", "object", "created", "owned_by", "quantization", "file_size_mb", "tensor_count"}


def test_a_big_header_is_read_whole(tmp_path):
    facts = model_facts(write_big_gguf(tmp_path / "big.gguf"))

    assert (facts.tensor_count, facts.quantization, facts.context_length, facts.licence) == (459, "Q4_K_M", 131072, "apache-2.0")
    assert 19.9e9 < facts.parameters < 20.1e9
    assert facts.chat_template


def test_the_memory_of_reading_does_not_grow_with_the_vocabulary(tmp_path):
    peaks = []
    for entries in (10_000, 40_000):
        path = write_big_gguf(tmp_path / f"{entries}.gguf", entries=entries)
        tracemalloc.start()
        model_facts(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert max(peaks) < 2e6
    assert peaks[1] < 1.2 * peaks[0]


def test_the_same_is_read_as_the_reader_of_the_formats_makers_reads(tmp_path):
    path = write_transformer(tmp_path / "m.gguf")
    theirs, ours = gguf.GGUFReader(path), read_gguf_header(path)

    assert ours.tensor_count == len(theirs.tensors)
    assert ours.parameters == sum(int(each.n_elements) for each in theirs.tensors)
    assert ours.array_lengths["tokenizer.ggml.tokens"] == len(theirs.fields["tokenizer.ggml.tokens"].data)
    assert ours.metadata["llama.context_length"] == 2048
    assert set(ours.metadata) | set(ours.array_lengths) == {key for key in theirs.fields if not key.startswith("GGUF.")}


def test_a_file_written_by_the_safetensors_package_is_read(tmp_path):
    import numpy as np

    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({"a": np.zeros((3, 4), np.float32), "b": np.zeros(5, np.float16)}, path, {"license": "mit"})
    header = read_safetensors_header(path)

    assert (header.tensor_count, header.parameters, header.weights_by_type) == (2, 17, {"F32": 12, "F16": 5})
    assert model_facts(path).licence == "mit"


def test_a_model_card_is_less_than_a_kilobyte_even_of_a_talkative_file(tmp_path):
    path = write_gguf(tmp_path / "m.gguf", {"general.license": "“" * 5000, "llama.context_length": 4096}, {"a": (4, 4)})
    facts = model_facts(path, name="ñ" * 4000, source="x" * 900)

    assert len(json.dumps(facts.card())) < 1024
    assert facts.card().keys() >= CARD


def test_the_parts_of_a_split_gguf_are_counted_together(tmp_path):
    for number in (1, 2, 3):
        write_gguf(tmp_path / f"m-{number:05d}-of-00003.gguf", {"llama.context_length": 512}, {f"t{number}": (8, 8)})
    facts = model_facts(tmp_path / "m-00002-of-00003.gguf")

    assert (facts.id, facts.shards, facts.tensor_count, facts.parameters) == ("m", 3, 3, 192)
    assert facts.path.name == "m-00001-of-00003.gguf"


def test_a_missing_part_is_named(tmp_path):
    write_gguf(tmp_path / "m-00001-of-00002.gguf", {}, {"a": (4,)})
    with pytest.raises(ModelFileMissing, match="m-00002-of-00002"):
        model_facts(tmp_path / "m-00001-of-00002.gguf")


def test_a_directory_of_safetensors_is_one_model(tmp_path):
    write_safetensors(tmp_path / "m" / "model-00001-of-00002.safetensors", {"a": (4, 4)})
    write_safetensors(tmp_path / "m" / "model-00002-of-00002.safetensors", {"b": (8,)})
    table = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "m" / "model.safetensors.index.json").write_text(json.dumps(table))
    (tmp_path / "m" / "config.json").write_text('{"model_type": "qwen3", "max_position_embeddings": 40960}')
    (tmp_path / "m" / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    facts = model_facts(tmp_path / "m")

    assert (facts.id, facts.architecture, facts.context_length, facts.shards, facts.parameters) == ("m", "qwen3", 40960, 2, 24)
    assert facts.quantization == "BF16"
    assert facts.chat_template


HOSTILE = {
    "empty": b"",
    "only the magic": b"GGUF",
    "another format": b"PK\x03\x04" + bytes(100),
    "a version of the future": b"GGUF" + struct.pack("<IQQ", 99, 0, 0),
    "big endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "a tensor count that overflows": gguf_bytes({}, [], tensor_count=2**64 - 1),
    "an entry count that overflows": gguf_bytes({}, [], entries=2**63),
    "more tensors than there are": gguf_bytes({}, [], tensor_count=1000),
    "a text longer than the file": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
    "a huge array of texts": gguf_bytes({"a": struct.pack("<IIQ", ARRAY, STRING, 2**60)}, []),
    "a huge array of numbers": gguf_bytes({"a": struct.pack("<IIQ", ARRAY, 12, 2**61)}, []),
    "arrays in arrays in arrays": gguf_bytes({"a": struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * 1000}, []),
    "an unknown type": gguf_bytes({"a": struct.pack("<I", 77)}, []),
    "an array of an unknown type": gguf_bytes({"a": struct.pack("<IIQ", ARRAY, 77, 1)}, []),
    "too many dimensions": b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + text("t") + struct.pack("<I", 2**31) + bytes(64),
    "extents that overflow": gguf_bytes({}, [tensor("t", (2**63, 2**63, 2**63))]),
    "data beyond the end": gguf_bytes({}, [tensor("t", (1024,), 0, 0)]),
    "an offset beyond the end": gguf_bytes({}, [tensor("t", (1,), 0, 2**63)]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_gguf_gets_an_error_that_names_it(case, tmp_path):
    path = tmp_path / "hostile.gguf"
    path.write_bytes(HOSTILE[case])
    tracemalloc.start()
    with pytest.raises(ModelFileInvalid, match=r"hostile\.gguf") as caught:
        read_gguf_header(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2e6
    assert caught.value.hint


def test_texts_that_are_no_utf8_break_nothing(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf_bytes({"general.architecture": struct.pack("<I", STRING) + text(b"\xff\xfe")}, []))

    assert model_facts(path).architecture == "\ufffd\ufffd"


@given(cut=st.integers(0, 2000), at=st.integers(0, 400), noise=st.binary(min_size=1, max_size=8))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damage_anywhere_is_an_error_of_ours_or_harmless(tmp_path, cut, at, noise):
    whole = gguf_bytes({"general.architecture": "llama", "tokens": ["a", "bc"] * 20, "n": 3}, [tensor("t", (2, 2))]) + bytes(64)
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    path = tmp_path / "m.gguf"
    path.write_bytes(damaged[: max(0, len(damaged) - cut)])
    with suppress(ModelFileError):
        read_gguf_header(path)


def safetensors_bytes(header, data=0, length=None):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(data)


BAD_SAFETENSORS = {
    "empty": b"",
    "a header longer than the file": safetensors_bytes(b"{}", length=2**40),
    "a header longer than any": struct.pack("<Q", 2**63) + bytes(64),
    "no JSON": safetensors_bytes(b"{{{{"),
    "not UTF-8": safetensors_bytes(b'{"\xff": 1}'),
    "a list": safetensors_bytes([]),
    "nested without end": safetensors_bytes(b"[" * 100_000),
    "a tensor that is no tensor": safetensors_bytes({"a": 3}),
    "a negative extent": safetensors_bytes({"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}, 1),
    "extents that overflow": safetensors_bytes({"a": {"dtype": "U8", "shape": [2**40] * 9, "data_offsets": [0, 1]}}, 1),
    "outside the file": safetensors_bytes({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}, 1),
    "offsets that run backwards": safetensors_bytes({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 0]}}, 1),
    "a size that does not fit the shape": safetensors_bytes({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 4]}}, 4),
    "tensors that overlap": safetensors_bytes(
        {name: {"dtype": "U8", "shape": [4], "data_offsets": [start, start + 4]} for name, start in (("a", 0), ("b", 2))}, 8
    ),
    "a name that stands twice": safetensors_bytes(b'{"a": {"dtype":"U8","shape":[],"data_offsets":[0,1]}, "a": 1}', 1),
}


@pytest.mark.parametrize("case", BAD_SAFETENSORS)
def test_a_hostile_safetensors_file_gets_an_error_that_names_it(case, tmp_path):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(BAD_SAFETENSORS[case])
    with pytest.raises(ModelFileInvalid, match=r"hostile\.safetensors"):
        read_safetensors_header(path)


@pytest.mark.parametrize("name", ["../../secret.safetensors", "/etc/passwd", "sub/x.safetensors", "x.bin"])
def test_an_index_names_only_files_beside_it(name, tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ModelFileInvalid, match="does not lie beside it"):
        model_facts(tmp_path)


def test_what_is_no_model_is_said_to_be_none(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ModelFileInvalid, match="neither"):
        model_facts(tmp_path / "notes.txt")
    with pytest.raises(ModelFileMissing, match="nowhere"):
        model_facts(tmp_path / "nowhere.gguf")
    with pytest.raises(ModelFileMissing, match="no model in"):
        model_facts(tmp_path)


def test_models_are_found_where_everybody_keeps_them(monkeypatch, tmp_path):
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    write_gguf(home / ".lmstudio/models/maker/repo/studio-Q4.gguf", {}, {"a": (4,)})
    write_gguf(home / ".cache/llama.cpp/cpp.gguf", {}, {"a": (4,)})
    write_gguf(home / ".local/share/mallku/models/own.gguf", {}, {"a": (4,)})
    hub = home / ".cache/huggingface/hub/models--org--tiny"
    write_safetensors(hub / "blobs/abc", {"a": (4,)})
    (hub / "snapshots/1").mkdir(parents=True)
    (hub / "snapshots/1/model.safetensors").symlink_to("../../blobs/abc")
    (hub / "snapshots/1/config.json").write_text("{}")
    digest = "sha256:" + "ab" * 32
    write_gguf(home / ".ollama/models/blobs" / digest.replace(":", "-"), {}, {"a": (4,)})
    manifest = home / ".ollama/models/manifests/registry.ollama.ai/library/llama3.2/latest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": digest}]}))
    found = find_model_files()

    assert {facts.id: facts.source for facts in found.models} == {
        "studio-Q4": "LM Studio",
        "cpp": "llama.cpp",
        "own": "mallku",
        "org/tiny": "Hugging Face",
        "llama3.2:latest": "Ollama",
    }
    assert found.unusable == ()


def test_a_broken_file_is_listed_with_its_reason_and_hides_no_other(tmp_path):
    write_gguf(tmp_path / "good.gguf", {}, {"a": (4,)})
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    found = find_model_files([ModelFolder(source="mine", path=tmp_path)])

    assert [facts.id for facts in found.models] == ["good"]
    assert "broken.gguf" in found.unusable[0][1]


def test_links_in_circles_end(tmp_path):
    write_gguf(tmp_path / "good.gguf", {}, {"a": (4,)})
    (tmp_path / "again").symlink_to(tmp_path)

    assert len(find_model_files([ModelFolder(source="mine", path=tmp_path)]).models) == 1


def test_folders_that_do_not_exist_are_no_error():
    assert known_folders() == ()
    assert find_model_files().models == ()


def test_a_registry_knows_many_models_by_name(tmp_path):
    registry = ModelRegistry()
    for name in ("Alpha", "beta"):
        registry.add(write_gguf(tmp_path / f"{name}.gguf", {}, {"a": (4,)}))

    assert [facts.id for facts in registry] == ["Alpha", "beta"]
    assert (registry.get("alpha").id, len(registry), "beta" in registry) == ("Alpha", 2, True)
    with pytest.raises(ModelFileMissing, match="Did you mean 'beta'"):
        registry.get("betta")


def test_one_name_is_not_given_to_two_files(tmp_path):
    registry = ModelRegistry()
    registry.add(write_gguf(tmp_path / "a" / "m.gguf", {}, {"a": (4,)}))
    with pytest.raises(ConfigurationError, match="another `name`"):
        registry.add(write_gguf(tmp_path / "b" / "m.gguf", {}, {"a": (4,)}))


@pytest.mark.parametrize(("architecture", "speaks"), [("llama", True), ("bert", False), ("nomic-bert-moe", False), ("clip", False)])
def test_only_models_that_generate_text_can_speak(architecture, speaks, tmp_path):
    assert ModelFacts(id="m", path=tmp_path, format="gguf", architecture=architecture).speaks is speaks


def test_the_writer_of_these_tests_writes_what_the_formats_makers_read(tmp_path):
    path = write_gguf(tmp_path / "m.gguf", {"a.list": ["x", "y"], "b": 7}, {"t": (4, 2)})
    fields = gguf.GGUFReader(path).fields

    assert entry("b", 7)[-4:] == struct.pack("<I", 7)
    assert fields["b"].contents() == 7
    assert fields["a.list"].contents() == ["x", "y"]
