"""Memory is reckoned before anything is loaded, and the limits that were set are kept."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.gguf_models import Size, write_bert, write_jamba, write_transformer

from mallku.engine import EngineSettings, binding, load_engine
from mallku.engine.memory import Shape, per_layer, plan_memory
from mallku.errors import ConfigurationError, ModelTooLarge

SEVEN_BILLION = Shape(
    architecture="llama",
    file_type="15",
    weights_bytes=4_080_000_000,
    layers=32,
    kv_heads=(8,) * 32,
    key_length=128,
    value_length=128,
    width=4096,
    feed_forward=14336,
    heads=32,
    vocabulary=32000,
    trained_length=32768,
    window=0,
    is_stateful=False,
    state_bytes=0,
    embeds=False,
    is_encoder=False,
    pools=False,
)
PATH = Path("some.gguf")


def test_the_key_value_memory_is_what_llama_cpp_takes():
    # llama.cpp reports 512 MiB of f16 for 4096 tokens of this shape, and 272 MiB of q8_0.
    settings = EngineSettings(model_path=PATH, context_length=4096, cells=4096)

    assert plan_memory(settings, SEVEN_BILLION).cache_bytes == 512 * 2**20
    assert plan_memory(replace(settings, kv_type="q8_0"), SEVEN_BILLION).cache_bytes == 272 * 2**20


def test_room_for_others_is_given_up_before_a_model_is_refused():
    roomy = plan_memory(EngineSettings(model_path=PATH, context_length=4096), SEVEN_BILLION)
    tight = plan_memory(EngineSettings(model_path=PATH, context_length=4096, max_memory_gb=5.5), SEVEN_BILLION)

    assert roomy.cells > tight.cells >= 4096
    assert tight.context_length == roomy.context_length == 4096
    assert tight.total_bytes <= 5.5e9


def test_too_large_a_model_is_refused_with_the_figures():
    with pytest.raises(ModelTooLarge, match=r"4\.08 GB.*key-value memory for 4096 tokens 0\.54 GB.*max_memory_gb is 4") as refusal:
        plan_memory(EngineSettings(model_path=PATH, max_memory_gb=4), SEVEN_BILLION)

    assert "context_length" in refusal.value.hint


def test_the_limit_is_kept_to_the_byte():
    settings = EngineSettings(model_path=PATH, context_length=4096, cells=4096)
    need = plan_memory(settings, SEVEN_BILLION).total_bytes

    assert plan_memory(replace(settings, max_memory_gb=need / 1e9), SEVEN_BILLION).total_bytes == need
    with pytest.raises(ModelTooLarge):
        plan_memory(replace(settings, max_memory_gb=(need - 1) / 1e9), SEVEN_BILLION)


def test_a_decoder_that_embeds_has_a_memory_and_an_encoder_has_none():
    settings = EngineSettings(model_path=PATH, context_length=2048)
    decoder = plan_memory(settings, replace(SEVEN_BILLION, embeds=True))
    encoder = plan_memory(settings, replace(SEVEN_BILLION, embeds=True, is_encoder=True))

    assert decoder.cache_bytes == 256 * 2**20
    assert encoder.cache_bytes == 0


def test_an_encoder_is_not_asked_for_positions_it_does_not_have():
    settings = EngineSettings(model_path=PATH, context_length=2048)

    assert plan_memory(settings, replace(SEVEN_BILLION, embeds=True, is_encoder=True, trained_length=512)).context_length == 512


def test_attention_that_keeps_its_scores_is_reckoned_with_them():
    settings = EngineSettings(model_path=PATH, context_length=4096, cells=4096)
    fast, slow = (plan_memory(replace(settings, flash_attention=flash), SEVEN_BILLION).buffer_bytes for flash in (None, False))

    assert slow - fast == 512 * 4096 * 4 * 32


def test_the_window_is_what_was_asked_for():
    assert plan_memory(EngineSettings(model_path=PATH), SEVEN_BILLION).context_length == 4096
    assert plan_memory(EngineSettings(model_path=PATH), replace(SEVEN_BILLION, trained_length=1024)).context_length == 1024
    assert plan_memory(EngineSettings(model_path=PATH, context_length=3001), SEVEN_BILLION).context_length == 3001


@pytest.mark.parametrize("change", [{"context_length": 0}, {"parallel": 0}, {"batch_tokens": 0}, {"context_length": 900, "cells": 800}])
def test_sizes_that_make_no_sense_are_refused(change):
    with pytest.raises(ConfigurationError, match="do not go together"):
        plan_memory(EngineSettings(model_path=PATH, **change), SEVEN_BILLION)


def test_figures_may_differ_from_layer_to_layer():
    assert per_layer("[8, 0, 8]", 3) == (8, 0, 8)
    assert per_layer("4", 3) == (4, 4, 4)


async def test_a_model_over_the_limit_is_not_loaded(models):
    with pytest.raises(ModelTooLarge, match=r"llama\.gguf"):
        await load_engine(EngineSettings(model_path=models["llama"], max_memory_gb=0.0005))


async def test_progress_is_told_and_grows(models):
    told = []
    engine = await load_engine(EngineSettings(model_path=models["llama"], threads=1), told.append)
    await engine.close()

    assert told == sorted(told)
    assert told[-1] == 1.0


class Overheard:
    """llama_cpp, except that it keeps the parameters a model and a context are made with, and makes a build for a GPU of itself."""

    def __init__(self, lib):
        self._lib = lib
        self.loaded = []

    def __getattr__(self, name):
        return getattr(self._lib, name)

    def llama_supports_gpu_offload(self):
        return True

    def llama_max_devices(self):
        return 16

    def llama_model_load_from_file(self, path, parameters):
        shares = [parameters.tensor_split[index] for index in range(3)] if parameters.tensor_split else []
        self.loaded.append((parameters.n_gpu_layers, parameters.main_gpu, shares))
        parameters.n_gpu_layers, parameters.tensor_split = 0, None
        return self._lib.llama_model_load_from_file(path, parameters)

    def llama_init_from_model(self, model, parameters):
        self.flash = parameters.flash_attn_type
        return self._lib.llama_init_from_model(model, parameters)


@pytest.mark.parametrize("layers", [-1, 7])
def test_what_is_said_about_gpus_reaches_llama_cpp(models, monkeypatch, layers):
    lib = Overheard(binding.load_library())
    monkeypatch.setattr(binding, "load_library", lambda: lib)
    split = EngineSettings(
        model_path=models["llama"], gpu_layers=layers, main_gpu=2, tensor_split=(0.5, 0.25, 0.25), context_length=256, threads=1
    )
    for flash, expected in ((None, -1), (True, 1), (False, 0)):
        loaded = binding.LlamaBinding(replace(split, flash_attention=flash), lambda _: True)
        loaded.close()

        assert lib.loaded[-1] == (layers, 2, [0.5, 0.25, 0.25])
        assert lib.flash == expected
        assert loaded.facts.gpu_layers == layers
        assert loaded.facts.warnings == ()


async def test_more_shares_than_gpus_are_refused(models):
    settings = EngineSettings(model_path=models["llama"], gpu_layers=-1, tensor_split=(0.01,) * 100, context_length=256)
    with pytest.raises(ConfigurationError, match="tensor_split"):
        await load_engine(settings)


async def test_a_gpu_that_the_build_cannot_use_is_said_with_the_remedy(models):
    engine = await load_engine(EngineSettings(model_path=models["llama"], gpu_layers=-1, main_gpu=0, tensor_split=(1.0,), threads=1))
    await engine.close()

    if engine.facts.gpu_layers == 0:
        assert any("CMAKE_ARGS" in warning and "--force-reinstall" in warning for warning in engine.facts.warnings)


RESIDENT = """
import asyncio, json, psutil, sys
from pathlib import Path
from mallku.engine import EngineRequest, EngineSettings, load_engine, whole_result
from mallku.engine.binding import load_library
load_library()
def most():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
async def main():
    import numpy
    before = psutil.Process().memory_info().rss
    engine = await load_engine(EngineSettings(model_path=Path(sys.argv[1]), threads=1, **json.loads(sys.argv[2])))
    if engine.facts.is_embedding_model:
        await engine.embed(["water " * (engine.facts.context_length // 2 - 8)] * 2)
    else:
        await whole_result(engine, EngineRequest(tokens=(65,) * (engine.facts.context_length - 20), max_tokens=20))
    print(most() - before, engine.facts.memory_bytes)
    await engine.close()
asyncio.run(main())
"""
MIDDLE = Size(layers=6, width=512, heads=8, kv_heads=8, feed_forward=1024, vocabulary=8000)


@pytest.mark.parametrize(
    ("write", "settings"),
    [
        (write_transformer, {"context_length": 1500, "cells": 8192}),
        (write_transformer, {"context_length": 1500, "cells": 8192, "kv_type": "q8_0"}),
        (write_transformer, {"context_length": 512, "embeddings": True}),
        (write_jamba, {"context_length": 512}),
        (write_bert, {"context_length": 512}),
    ],
)
def test_a_process_stays_under_the_estimate_and_the_estimate_near_it(tmp_path, write, settings):
    model = write(tmp_path / "model.gguf", size=MIDDLE)
    command = [sys.executable, "-c", RESIDENT, str(model), json.dumps(settings)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, estimate = map(int, answer.stdout.split())

    assert estimate / 2 < grown < estimate
