"""What turns cost is shared among those that run at the same time, and never invented."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mallku.dialogue.response import Timings
from mallku.meters import Meter, Process


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Bench:
    """A machine whose clock and power are set by hand."""

    def __init__(self, *, idle=10.0, knows_idle=True):
        self.clock, self.used, self.is_lost, self.cpu = Clock(), 0.0, False, 0.0
        self.meter = Meter([self], process=self, clock=self.clock)
        if knows_idle:
            self.run(2.0, idle)
            self.meter._read()

    source = "rapl"
    name = "by hand"

    def joules(self):
        return None if self.is_lost else self.used

    def uncertainty(self, seconds):
        return 0.05

    def close(self):
        pass

    def cpu_seconds(self):
        return self.cpu

    def peak_rss_bytes(self):
        return 1000

    def pids(self):
        return frozenset({1})

    def run(self, seconds, watts):
        self.clock.now += seconds
        self.used += seconds * watts
        self.cpu += seconds


@pytest.fixture
async def bench():
    return Bench()


async def test_a_request_alone_gets_what_was_used_above_idle(bench):
    window = bench.meter.begin(in_process=False)
    bench.run(4.0, 60.0)
    timings = bench.meter.end(window, Timings(total_s=4.0))
    assert timings.energy_j == pytest.approx(4 * 50)
    assert timings.energy_source == "rapl"
    assert 0.05 < timings.energy_uncertainty < 0.1
    assert timings.cpu_s is None


async def test_each_stretch_is_split_evenly_among_those_that_run_in_it(bench):
    first = bench.meter.begin(in_process=False)
    bench.run(1.0, 30.0)
    second = bench.meter.begin(in_process=False)
    bench.run(2.0, 50.0)
    one = bench.meter.end(first)
    bench.run(3.0, 20.0)
    other = bench.meter.end(second)
    assert one.energy_j == pytest.approx(20 + 40)
    assert other.energy_j == pytest.approx(40 + 30)
    assert one.energy_uncertainty > 0.5


async def test_an_engine_that_knows_its_batches_shares_by_them(bench):
    windows = [bench.meter.begin(in_process=True) for _ in range(2)]
    bench.run(10.0, 40.0)
    long, short = (bench.meter.end(window, Timings(compute_s=compute)) for window, compute in zip(windows, (7.0, 3.0), strict=True))
    assert (long.energy_j, short.energy_j) == (pytest.approx(210), pytest.approx(90))
    assert (long.cpu_s, short.cpu_s) == (pytest.approx(7), pytest.approx(3))
    assert long.peak_rss_bytes == 1000
    assert long.energy_uncertainty < 0.2


async def test_batches_do_not_count_where_another_program_computed_too(bench):
    here = bench.meter.begin(in_process=True)
    there = bench.meter.begin(in_process=False)
    bench.run(2.0, 30.0)
    timings = bench.meter.end(here, Timings(compute_s=2.0))
    bench.meter.end(there)
    assert timings.energy_j == pytest.approx(20)
    assert timings.cpu_s is None


async def test_without_a_counter_energy_is_unknown_and_not_nothing():
    meter = Meter([])
    window = meter.begin(in_process=False)
    timings = meter.end(window, Timings(total_s=1.0))
    assert timings == Timings(total_s=1.0)
    assert timings.energy_j is None
    assert timings.energy_source == "none"


async def test_while_idle_power_is_unknown_energy_is_too():
    bench = Bench(knows_idle=False)
    window = bench.meter.begin(in_process=False)
    bench.run(1.0, 60.0)
    assert bench.meter.end(window).energy_j is None


async def test_a_counter_lost_in_the_middle_leaves_the_request_unknown(bench):
    window = bench.meter.begin(in_process=False)
    bench.run(1.0, 60.0)
    bench.is_lost = True
    assert bench.meter.end(window).energy_j is None


async def test_a_figure_that_the_participant_measured_stays(bench):
    window = bench.meter.begin(in_process=False)
    bench.run(1.0, 60.0)
    timings = bench.meter.end(window, Timings(energy_j=3.0, energy_source="powermetrics"))
    assert (timings.energy_j, timings.energy_source) == (3.0, "powermetrics")


async def test_less_than_idle_is_nothing_and_not_negative(bench):
    window = bench.meter.begin(in_process=False)
    bench.run(1.0, 4.0)
    timings = bench.meter.end(window)
    assert timings.energy_j == 0
    assert timings.energy_uncertainty is None


async def test_the_lowest_quiet_power_is_taken_for_idle(bench):
    assert bench.meter.idle_watts == {"rapl": pytest.approx(10)}
    bench.run(5.0, 90.0)
    bench.meter._read()
    assert bench.meter.idle_watts == {"rapl": pytest.approx(10)}
    bench.run(5.0, 8.0)
    bench.meter._read()
    assert bench.meter.idle_watts == {"rapl": pytest.approx(8)}


async def test_learning_idle_power_needs_no_time_where_there_is_no_counter():
    await asyncio.wait_for(Meter([]).learn_idle(1000.0), 1)


async def test_a_long_request_has_the_counters_read_meanwhile(bench, monkeypatch):
    monkeypatch.setattr("mallku.meters.meter.TICK_S", 0.01)
    reads = []
    monkeypatch.setattr(bench.meter, "_read", lambda **_: reads.append(1))
    window = bench.meter.begin(in_process=False)
    await asyncio.sleep(0.1)
    assert len(reads) > 2
    bench.meter.end(window)
    done = len(reads)
    await asyncio.sleep(0.05)
    assert len(reads) == done


@given(st.lists(st.tuples(st.sampled_from("bex"), st.integers(0, 3), st.floats(0.1, 5), st.floats(10, 100)), max_size=30))
def test_shares_add_up_to_what_was_used_while_anything_ran(steps):
    async def play():
        bench = Bench()
        running, used, got = {}, 0.0, 0.0
        for do, place, seconds, watts in steps:
            if do == "b" and place not in running:
                running[place] = bench.meter.begin(in_process=place % 2 == 0)
            elif do == "e" and place in running:
                got += bench.meter.end(running.pop(place)).energy_j
            bench.run(seconds, watts)
            used += seconds * (watts - 10) if running else 0.0
            if not running:
                bench.run(0.0, 0.0)
        got += sum(bench.meter.end(window).energy_j for window in list(running.values()))
        assert got == pytest.approx(used, rel=1e-6, abs=1e-6)

    asyncio.run(play())


def test_this_process_is_counted():
    process = Process()
    before = process.cpu_seconds()
    sum(range(2_000_000))
    assert process.cpu_seconds() > before
    assert process.peak_rss_bytes() > 1_000_000


def test_a_child_counts_while_it_lives_and_stays_counted():
    import subprocess
    import sys

    process = Process()
    code = "import sys; sum(range(12_000_000)); print('done', flush=True); sys.stdin.read()"
    before = process.cpu_seconds()
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        with_child = process.cpu_seconds()
        child.stdin.close()
    assert with_child - before > 0.05
    assert process.cpu_seconds() >= with_child
