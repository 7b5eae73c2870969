"""What it costs: counters of energy, processor seconds and memory, and how they are shared among requests that run at the same time."""

from mallku.meters.counter import Absent, Counter
from mallku.meters.here import counters_here, meter_here
from mallku.meters.meter import Meter, Window
from mallku.meters.nvml import Nvml, open_nvml
from mallku.meters.process import Process
from mallku.meters.rapl import Rapl, open_rapl

__all__ = ["Absent", "Counter", "Meter", "Nvml", "Process", "Rapl", "Window", "counters_here", "meter_here", "open_nvml", "open_rapl"]
