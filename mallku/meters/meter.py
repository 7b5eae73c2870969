"""The meter: shares what this machine uses among the requests that run on it, stretch by stretch."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from mallku.dialogue.response import EnergySource, Timings
from mallku.meters.counter import Counter
from mallku.meters.nvml import Nvml
from mallku.meters.process import Process

TICK_S: Final = 60.0
"""Counters are read at least this often while something runs, so that none wraps twice unseen."""
IDLE_S: Final = 1.0
"""A stretch in which nothing runs tells idle power from this length on."""
UNEVEN: Final = 0.5
"""Relative uncertainty of a figure that was split evenly among requests of unknown size. Set by judgement."""
BY_COMPUTE: Final = 0.1
"""Relative uncertainty of a figure split by the seconds an engine computed for each request. Set by judgement."""
IDLE_DOUBT: Final = 0.2
"""Relative uncertainty of idle power. Set by judgement."""


@dataclass(eq=False, slots=True)
class Window:
    """One request while it runs."""

    in_process: bool
    """Whether its words are made in this process."""
    began: float
    """When it began."""
    whole_j: dict[str, float] = field(default_factory=dict)
    """Energy above idle of the whole machine since then, by counter."""
    even_j: dict[str, float] = field(default_factory=dict)
    """Its even share of that."""
    idle_j: float = 0.0
    """Its even share of the idle energy that was taken off."""
    cpu_s: float = 0.0
    """Processor seconds of this process since then."""
    is_known: bool = True
    """Whether every counter could be read all the time, and idle power was known."""
    had_company: bool = False
    """Whether another request ran at the same time."""
    had_foreign_company: bool = False
    """Whether a request of another kind, in this process or not, ran at the same time."""


class Meter:
    """Shares out energy, processor seconds and memory.

    Whenever a request begins or ends, the counters are read. Energy above idle of the stretch since the last reading is split evenly
    among the requests that ran in it. Where all of them ran in this process and the engine says how many seconds it computed for each,
    a request gets instead the mean power over its time, multiplied by these seconds: that is its share of the batches.
    """

    def __init__(self, counters: Sequence[Counter], *, process: Process | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the counters that can be read here; none is fine, then energy is unknown."""
        self.counters = tuple(counters)
        """What is read."""
        self.idle_watts: dict[str, float] = {}
        """Idle power by counter, as far as known."""
        self._process = process or Process()
        self._clock = clock
        self._open: list[Window] = []
        self._read_at = clock()
        self._last: dict[str, float | None] = {counter.source: counter.joules() for counter in self.counters}
        self._cpu_s = 0.0
        self._tick: asyncio.TimerHandle | None = None

    async def learn_idle(self, seconds: float = IDLE_S) -> None:
        """Watch the machine while nothing of ours runs; returns at once if there is no counter, or idle power is known already."""
        if not self.counters or self._open or all(counter.source in self.idle_watts for counter in self.counters):
            return
        self._read()
        await asyncio.sleep(seconds)
        self._read(is_idle=not self._open)

    def begin(self, *, in_process: bool) -> Window:
        """Begin a request."""
        if in_process and not any(window.in_process for window in self._open):
            self._cpu_s = self._process.cpu_seconds()
        self._read()
        window = Window(in_process=in_process, began=self._read_at)
        for other in self._open:
            foreign = other.in_process != in_process
            other.had_company = window.had_company = True
            other.had_foreign_company = other.had_foreign_company or foreign
            window.had_foreign_company = window.had_foreign_company or foreign
        self._open.append(window)
        self._schedule()
        return window

    def end(self, window: Window, timings: Timings = Timings()) -> Timings:  # noqa: B008 - a frozen value
        """End a request, however it ended, and return its timings with what was measured. What they already hold stays."""
        self._read()
        with suppress(ValueError):
            self._open.remove(window)
        self._schedule()
        seconds = self._read_at - window.began
        compute = timings.compute_s if window.in_process and not window.had_foreign_company else None
        by_compute = compute is not None and seconds > 0
        share = min(1.0, compute / seconds) if compute is not None and seconds > 0 else None
        found: dict[str, object] = {}
        if self.counters and window.is_known and timings.energy_j is None:
            parts = {source: whole * share if share is not None else window.even_j[source] for source, whole in window.whole_j.items()}
            found |= {
                "energy_j": sum(parts.values()),
                "energy_source": self._named(),
                "energy_uncertainty": self._doubt(parts, window, seconds, by_compute=by_compute),
            }
        if share is not None:
            if timings.cpu_s is None:
                found["cpu_s"] = window.cpu_s * share
            if timings.peak_rss_bytes is None:
                found["peak_rss_bytes"] = self._process.peak_rss_bytes()
            nvml = next((counter for counter in self.counters if isinstance(counter, Nvml)), None)
            if timings.vram_bytes is None and nvml is not None:
                found["vram_bytes"] = nvml.memory_bytes(self._process.pids())
        return replace(timings, **found) if found else timings  # type: ignore[arg-type]

    def close(self) -> None:
        """Let go of the counters."""
        if self._tick:
            self._tick.cancel()
        for counter in self.counters:
            counter.close()

    def _read(self, *, is_idle: bool | None = None) -> None:
        """Share out what was used since the last reading."""
        now = self._clock()
        seconds, self._read_at = now - self._read_at, now
        self._share_cpu()
        for counter in self.counters:
            source, before = counter.source, self._last[counter.source]
            reading = self._last[counter.source] = counter.joules()
            used = None if reading is None or before is None else reading - before
            self._share(source, used, seconds)
            if used is not None and not self._open and seconds >= IDLE_S and is_idle is not False:
                # The lowest power seen is the best guess of idle: other programs only ever add to it.
                self.idle_watts[source] = min(used / seconds, self.idle_watts.get(source, math.inf))

    def _share(self, source: str, used: float | None, seconds: float) -> None:
        idle = self.idle_watts.get(source)
        for window in self._open:
            if used is None or idle is None:
                window.is_known = False
                continue
            net = max(0.0, used - idle * seconds)
            window.whole_j[source] = window.whole_j.get(source, 0.0) + net
            window.even_j[source] = window.even_j.get(source, 0.0) + net / len(self._open)
            window.idle_j += idle * seconds / len(self._open)

    def _share_cpu(self) -> None:
        here = [window for window in self._open if window.in_process]
        if not here:
            return
        before, self._cpu_s = self._cpu_s, self._process.cpu_seconds()
        for window in here:
            window.cpu_s += self._cpu_s - before

    def _named(self) -> EnergySource:
        return "rapl+nvml" if len(self.counters) > 1 else self.counters[0].source

    def _doubt(self, parts: dict[str, float], window: Window, seconds: float, *, by_compute: bool) -> float | None:
        total = sum(parts.values())
        if total <= 0:
            return None
        of_counters = math.sqrt(sum((parts[one.source] * one.uncertainty(seconds)) ** 2 for one in self.counters)) / total
        of_sharing = (BY_COMPUTE if by_compute else UNEVEN) if window.had_company else 0.0
        return min(1.0, math.sqrt(of_counters**2 + of_sharing**2 + (IDLE_DOUBT * window.idle_j / total) ** 2))

    def _schedule(self) -> None:
        """Keep reading while something runs."""
        if not self.counters:
            return
        if not self._open:
            if self._tick:
                self._tick.cancel()
                self._tick = None
        elif self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(TICK_S, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        self._read()
        self._schedule()
