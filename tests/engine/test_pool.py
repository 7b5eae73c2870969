"""Seats that name the same file share one engine."""

import asyncio

import pytest

from mallku.engine import EnginePool, EngineRequest, EngineSettings, whole_result
from mallku.errors import EngineCrashed, ModelFileMissing


async def test_equal_settings_share_one_engine_and_the_last_one_closes_it(models):
    pool = EnginePool()
    settings = [EngineSettings(model_path=models["llama"], context_length=256, threads=1) for _ in range(3)]
    engines = await asyncio.gather(*(pool.acquire(one) for one in settings))

    assert len({id(engine) for engine in engines}) == 1
    for one in settings[:2]:
        await pool.release(one)
    await whole_result(engines[0], EngineRequest(text="water", max_tokens=2))
    await pool.release(settings[2])
    with pytest.raises(EngineCrashed):
        await whole_result(engines[0], EngineRequest(text="water"))


async def test_other_settings_have_an_engine_of_their_own(models):
    pool = EnginePool()
    one = await pool.acquire(EngineSettings(model_path=models["llama"], context_length=256, threads=1))
    other = await pool.acquire(EngineSettings(model_path=models["llama"], context_length=128, threads=1))

    assert one is not other
    await pool.close()


async def test_a_failed_loading_fails_for_all_and_is_tried_again_by_the_next(models, tmp_path):
    pool = EnginePool()
    path = tmp_path / "late.gguf"
    settings = EngineSettings(model_path=path, context_length=256, threads=1)
    outcomes = await asyncio.gather(*(pool.acquire(settings) for _ in range(2)), return_exceptions=True)
    path.write_bytes(models["llama"].read_bytes())

    assert [type(outcome) for outcome in outcomes] == [ModelFileMissing, ModelFileMissing]
    await pool.acquire(settings)
    await pool.close()


async def test_giving_up_while_it_loads_leaves_it_to_those_who_still_wait(models):
    pool = EnginePool()
    settings = EngineSettings(model_path=models["llama"], context_length=256, threads=1)
    impatient, patient = asyncio.ensure_future(pool.acquire(settings)), asyncio.ensure_future(pool.acquire(settings))
    await asyncio.sleep(0)
    impatient.cancel()

    engine = await patient
    await whole_result(engine, EngineRequest(text="water", max_tokens=2))
    await pool.close()
