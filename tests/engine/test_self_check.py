"""On CPUs with AMX the fast path is taken only after a child process has survived it."""

import sys
from types import SimpleNamespace

import pytest

from mallku.engine import EngineSettings, model_file
from mallku.engine.processors import has_amx, smallest_batch, usable_cores
from mallku.engine.self_check import Remembered, build_name, check_in_child, fast_path_is_safe

WITH = "processor : 0\nmodel name : Xeon\nflags : fpu avx512f amx_bf16 amx_tile amx_int8\n"
WITHOUT = "processor : 0\nmodel name : EPYC\nflags : fpu avx2 avx512f\n"


def never():
    pytest.fail("the self-check ran")


@pytest.fixture
def remembered(tmp_path):
    return Remembered(tmp_path / "cache" / "check.json")


def test_amx_is_recognised_by_its_flags():
    assert has_amx(WITH)
    assert not has_amx(WITHOUT)
    assert not has_amx("")


def test_without_amx_there_is_nothing_to_check(remembered):
    assert all(fast_path_is_safe(mode, WITHOUT, "b", remembered, never) for mode in ("off", "remembered", "check"))


def test_with_amx_the_slow_path_is_taken_until_a_check_has_passed(remembered):
    assert not fast_path_is_safe("off", WITH, "b", remembered, never)
    assert not fast_path_is_safe("remembered", WITH, "b", remembered, never)
    assert fast_path_is_safe("check", WITH, "b", remembered, lambda: True)
    assert fast_path_is_safe("remembered", WITH, "b", remembered, never)
    assert not fast_path_is_safe("remembered", WITH, "another build", remembered, never)


def test_a_failed_check_is_remembered_too(remembered):
    assert not fast_path_is_safe("check", WITH, "b", remembered, lambda: False)
    assert not fast_path_is_safe("check", WITH, "b", remembered, never)


def test_a_check_that_takes_everything_down_is_not_tried_again(remembered):
    def crash():
        raise SystemExit

    with pytest.raises(SystemExit):
        fast_path_is_safe("check", WITH, "b", remembered, crash)

    assert not fast_path_is_safe("check", WITH, "b", remembered, never)


def test_the_child_tells_life_from_death(models, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))

    assert check_in_child(models["llama"])
    assert not check_in_child(broken)


@pytest.mark.parametrize("end", ["kill -SEGV $$", "kill -ILL $$", "exit 3"])
def test_a_child_that_dies_in_native_code_has_not_passed_and_is_remembered(tmp_path, monkeypatch, remembered, models, end):
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\n{end}\n")
    child.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(child))

    assert not fast_path_is_safe("check", WITH, "b", remembered, lambda: check_in_child(models["llama"]))
    assert not fast_path_is_safe("check", WITH, "b", remembered, never)


def test_a_build_is_named_by_library_processor_and_format(tmp_path):
    (tmp_path / "libggml-cpu.so").write_bytes(b"one")
    first = build_name(tmp_path, WITH, "7")
    (tmp_path / "libggml-cpu.so").write_bytes(b"another")

    assert len({first, build_name(tmp_path, WITH, "7"), build_name(tmp_path, WITH, "1"), build_name(tmp_path, WITHOUT, "7")}) == 4


def test_hyper_threads_are_not_counted_as_cores():
    cpuinfo = "".join(f"processor : {n}\nphysical id : 0\ncore id : {n // 2}\n\n" for n in range(64))

    assert usable_cores(cpuinfo) <= 32
    assert usable_cores("") >= 1


def test_a_few_sequences_of_q8_0_are_computed_one_after_the_other_where_that_is_known_to_be_faster():
    measured = "CPU : AVX2 = 1 | LLAMAFILE = 1 | "

    assert smallest_batch(measured, "7", 1) == 6
    assert smallest_batch(measured, "7", 2) == 2
    assert smallest_batch(measured, "1", 1) == 2
    assert smallest_batch("CPU : NEON = 1 | LLAMAFILE = 1 | ", "7", 1) == 2


@pytest.mark.parametrize(("mode", "cpuinfo", "repacks"), [("off", WITH, False), ("off", WITHOUT, True), ("trust", WITH, True)])
def test_weights_are_loaded_as_was_decided(monkeypatch, tmp_path, mode, cpuinfo, repacks):
    seen = []
    monkeypatch.setattr(model_file, "read_cpuinfo", lambda: cpuinfo)
    monkeypatch.setattr(model_file, "_load", lambda lib, path, parameters: seen.append(parameters.use_extra_bufts))
    lib = SimpleNamespace(
        __file__=str(tmp_path / "lib.py"),
        llama_model_default_params=SimpleNamespace,
        llama_max_devices=lambda: 1,
        llama_progress_callback=lambda tell: tell,
    )
    model_file.load(lib, EngineSettings(model_path=tmp_path / "m.gguf", fast_path=mode), "7", lambda share: True)

    assert seen == [repacks]
