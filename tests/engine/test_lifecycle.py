"""An engine begins, ends, and belongs to someone: loading that is given up, faults, forks, event loops, and programs that just stop."""

import asyncio
import subprocess
import sys
import threading

import pytest

from mallku.engine import EnginePool, EngineRequest, EngineSettings, Sampling, load_engine, whole_result
from mallku.engine.binding import LlamaBinding
from mallku.engine.fake_binding import FakeBinding
from mallku.engine.threaded import ThreadedEngine
from mallku.errors import ConfigurationError, EngineCrashed, ModelFileInvalid

GREEDY = Sampling(temperature=0)


def engine_threads():
    """Threads of engines; those of other tests may be among them."""
    return {thread for thread in threading.enumerate() if thread.name == "mallku-engine"}


async def ended(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (nobody tells of it)
            await asyncio.sleep(0.01)


async def test_giving_up_stops_the_loading_itself():
    told, closed, others = threading.Event(), threading.Event(), engine_threads()

    def load(tell):
        while tell(0.5):
            told.set()
        closed.set()
        raise ModelFileInvalid("The loading was given up.")

    loading = asyncio.ensure_future(ThreadedEngine.load(load))
    await asyncio.to_thread(told.wait)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading

    await ended(lambda: closed.is_set() and not engine_threads() - others)


async def test_a_model_that_was_loaded_after_all_is_freed_when_nobody_wants_it_any_more():
    goes_on, binding = threading.Event(), FakeBinding()
    freed = threading.Event()
    binding.close = freed.set

    def load(_):
        goes_on.wait()
        return binding

    loading = asyncio.ensure_future(ThreadedEngine.load(load))
    await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    goes_on.set()

    await ended(freed.is_set)


def test_a_real_model_is_given_up_in_the_middle_of_its_weights(models):
    shares = []

    def tell(share):
        shares.append(share)
        return share < 0.3

    with pytest.raises(ModelFileInvalid):
        LlamaBinding(EngineSettings(model_path=models["llama"], context_length=256, threads=1), tell)

    assert 0.3 <= shares[-1] < 0.9


async def test_what_was_given_up_is_loaded_when_it_is_asked_for_again(models):
    pool = EnginePool()
    settings = EngineSettings(model_path=models["llama"], context_length=256, threads=1)
    loading = asyncio.ensure_future(pool.acquire(settings, lambda _: loading.cancel()))
    with pytest.raises(asyncio.CancelledError):
        await loading

    engine = await pool.acquire(settings)
    assert (await whole_result(engine, EngineRequest(text="water", max_tokens=2))).completion_tokens
    await pool.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_fault_while_loading_is_an_error_and_no_wait_without_end():
    def load(_):
        raise ZeroDivisionError

    others = engine_threads()
    async with asyncio.timeout(20):
        with pytest.raises(EngineCrashed, match="fault"):
            await ThreadedEngine.load(load)
    await ended(lambda: not engine_threads() - others)


LOADING_AT_ONCE = """
import asyncio, sys
from pathlib import Path
from mallku.engine import EngineSettings, load_engine

async def main():
    for _ in range(12):
        loading = (load_engine(EngineSettings(model_path=Path(path), context_length=256, threads=1)) for path in sys.argv[1:] * 2)
        for engine in await asyncio.gather(*loading):
            await engine.close()

asyncio.run(main())
"""


def test_engines_load_at_the_same_time_without_taking_each_others_log(models):
    command = [sys.executable, "-c", LOADING_AT_ONCE, str(models["llama"]), str(models["qwen2"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert (done.returncode, done.stderr) == (0, "")


async def test_two_engines_speak_at_once(models):
    engines = [await load_engine(EngineSettings(model_path=models[name], context_length=256, threads=1)) for name in ("llama", "qwen2")]
    request = EngineRequest(text="water", max_tokens=20, sampling=GREEDY)
    alone = [(await whole_result(engine, request)).text for engine in engines]
    together = await asyncio.gather(*(whole_result(engine, request) for engine in engines * 3))
    for engine in engines:
        await engine.close()

    assert [result.text for result in together] == alone * 3


async def test_an_engine_on_a_thread_serves_several_event_loops():
    engine = await ThreadedEngine.load(lambda _: FakeBinding())
    request = EngineRequest(text="water", max_tokens=20, sampling=GREEDY)
    elsewhere = asyncio.to_thread(lambda: asyncio.run(whole_result(engine, request)))
    there, here = await asyncio.gather(elsewhere, whole_result(engine, request))
    await engine.close()

    assert there.text == here.text


async def test_an_isolated_engine_says_to_another_event_loop_whose_it_is(models):
    engine = await load_engine(EngineSettings(model_path=models["llama"], context_length=256, threads=1, isolate=True))
    elsewhere = asyncio.to_thread(lambda: asyncio.run(whole_result(engine, EngineRequest(text="water"))))
    with pytest.raises(ConfigurationError, match="event loop"):
        await elsewhere
    await engine.close()


BEGINNING = """
import asyncio, os, sys
from mallku.engine import EngineRequest, whole_result
from mallku.engine.fake_binding import FakeBinding
from mallku.engine.threaded import ThreadedEngine
from mallku.errors import EngineCrashed
async def load():
    return await ThreadedEngine.load(lambda _: FakeBinding(rule=lambda _: 120, cells=10_000_000))
"""

FORKED = (
    BEGINNING
    + """
engine = asyncio.run(load())
if os.fork() == 0:
    try:
        asyncio.run(asyncio.wait_for(whole_result(engine, EngineRequest(text="water", max_tokens=3)), 20))
    except EngineCrashed as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
print(asyncio.run(whole_result(engine, EngineRequest(text="water", max_tokens=3))).text)
"""
)

STOPPING = (
    BEGINNING
    + """
async def main():
    engine = await load()
    async for part in engine.generate(EngineRequest(text="water", max_tokens=1_000_000)):
        print(part.text)
        return
asyncio.run(main())
"""
)


def ran(script, *arguments):
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, timeout=60)


def test_a_forked_process_is_told_that_the_engine_stayed_behind():
    told, text = ran(FORKED).stdout.splitlines()

    assert "forked" in told
    assert text == "xxx"


def test_a_program_may_stop_in_the_middle_of_an_answer():
    ended = ran(STOPPING)

    assert ended.stdout == "x\n"
    assert ended.stderr == ""
