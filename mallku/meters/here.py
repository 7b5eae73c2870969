"""Which counters this machine has, and why the others cannot be read."""

from mallku.meters.counter import Absent, Counter
from mallku.meters.meter import Meter
from mallku.meters.nvml import open_nvml
from mallku.meters.rapl import open_rapl


def counters_here() -> tuple[tuple[Counter, ...], tuple[Absent, ...]]:
    """Open every counter that can be read; say why not for the rest."""
    opened = (open_rapl(), open_nvml())
    return tuple(one for one in opened if not isinstance(one, Absent)), tuple(one for one in opened if isinstance(one, Absent))


def meter_here() -> Meter:
    """Return a meter with the counters of this machine."""
    counters, _ = counters_here()
    return Meter(counters)
