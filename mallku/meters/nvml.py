"""NVML: the energy counters and memory of NVIDIA accelerators. The only door to `pynvml`."""

import importlib
from collections.abc import Sequence
from typing import Any, Final

from mallku.meters.counter import Absent, Source

_UNCERTAINTY: Final = 0.05
_UNCERTAINTY_SHORT: Final = 0.35
"""For windows shorter than `_SHORT_S`: A100 and H100 sample a quarter of the time, which averages out over some seconds only."""
_SHORT_S: Final = 5.0
_MILLI: Final = 1e-3


class Nvml:
    """All accelerators that the driver shows; counters since its start exist on Volta and newer."""

    source: Source = "nvml"

    def __init__(self, library: Any, devices: Sequence[Any]) -> None:
        """Take the library, already initialised, and the devices that have a counter."""
        self._library = library
        self._devices = list(devices)
        self._begun = self._total()
        self._is_lost = False
        self.name = f"energy of {len(self._devices)} NVIDIA accelerator{'s' if len(self._devices) > 1 else ''}"

    def joules(self) -> float | None:
        """Return the joules since the counter was opened."""
        if self._is_lost:
            return None
        try:
            used = self._total() - self._begun
        except self._library.NVMLError:
            used = -1.0
        self._is_lost = used < 0  # a driver that was loaded anew counts from 0
        return None if self._is_lost else used

    def uncertainty(self, seconds: float) -> float:
        """Return the relative uncertainty, larger for short windows."""
        return _UNCERTAINTY if seconds >= _SHORT_S else _UNCERTAINTY_SHORT

    def memory_bytes(self, processes: frozenset[int]) -> int | None:
        """Return the accelerator memory that these processes hold, or None if the driver does not say."""
        try:
            held = [
                one.usedGpuMemory
                for device in self._devices
                for one in self._library.nvmlDeviceGetComputeRunningProcesses(device)
                if one.pid in processes
            ]
        except self._library.NVMLError:
            return None
        return sum(held) if held and all(one is not None for one in held) else None

    def close(self) -> None:
        """Shut the library down."""
        try:
            self._library.nvmlShutdown()
        except self._library.NVMLError:
            self._is_lost = True

    def _total(self) -> float:
        return float(sum(self._library.nvmlDeviceGetTotalEnergyConsumption(device) for device in self._devices) * _MILLI)


def open_nvml(library: Any | None = None) -> Nvml | Absent:
    """Return the counter, or why there is none. `library` stands in for `pynvml`."""
    if library is None:
        try:
            library = importlib.import_module("pynvml")
        except ImportError:
            return Absent(
                source="nvml", reason="nvidia-ml-py is not installed", remedy='pip install "mallku[nvml]" where there is an NVIDIA card'
            )
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        return Absent(source="nvml", reason=f"there is no NVIDIA driver ({error})")
    try:
        devices = [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]
        if devices:
            return Nvml(library, devices)
        reason = "the driver shows no accelerator"
    except library.NVMLError as error:
        reason = f"not every accelerator has an energy counter, as Volta and newer have ({error})"
    library.nvmlShutdown()
    return Absent(source="nvml", reason=reason)
