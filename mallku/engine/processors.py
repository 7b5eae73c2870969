"""What the machine's processors are and how many this process may use."""

import os
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_WEIGHTS_PER_THREAD = 32_000_000
_Q8_0 = "7"
_MEASURED_THREADS = 1
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def has_amx(cpuinfo: str) -> bool:
    """Whether the text of /proc/cpuinfo reports Intel's matrix extensions."""
    return any(" amx_" in line for line in cpuinfo.splitlines() if line.startswith("flags"))


def read_cpuinfo() -> str:
    """Return /proc/cpuinfo, or nothing where there is none: other systems do not hand AMX to processes that did not ask."""
    return _CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.exists() else ""


def usable_cores(cpuinfo: str | None = None) -> int:
    """Count the physical cores this process may use: hyper-threads share the units that matrix products keep busy."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = _physical_cores(read_cpuinfo() if cpuinfo is None else cpuinfo)
    return max(1, min(number for number in (allowed, cores, _quota()) if number))


def threads_for(weights_bytes: int) -> int:
    """Choose the threads of a decode step: one for small models, whose threads would wait for each other longer than they work."""
    return min(usable_cores(), 1 + weights_bytes // _WEIGHTS_PER_THREAD)


def smallest_batch(system_info: str, file_type: str, threads: int) -> int:
    """Choose how few sequences are still worth a batch, from llama.cpp's own line on the system.

    On x86, llama.cpp's kernel for several columns (llamafile's) takes longer for up to five columns of Q8_0 than as many products with
    one column; docs/engine.md has the figures. With more threads than were measured, batches are left as they are.
    """
    is_slow = "LLAMAFILE = 1" in system_info and "AVX2 = 1" in system_info and file_type == _Q8_0 and threads <= _MEASURED_THREADS
    return 6 if is_slow else 2


def _physical_cores(cpuinfo: str) -> int:
    """Count distinct (socket, core) pairs, or 0 if the text does not tell."""
    pairs = set()
    socket = ""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "physical id":
            socket = value.strip()
        elif name.strip() == "core id":
            pairs.add((socket, value.strip()))
    return len(pairs)


def _quota() -> int:
    """Return the whole processors a container's quota allows, or 0 if there is no quota."""
    if not _CGROUP_QUOTA.exists():
        return 0
    quota, _, period = _CGROUP_QUOTA.read_text(encoding="utf-8").strip().partition(" ")
    return 0 if quota == "max" or not period else max(1, int(quota) // int(period))
