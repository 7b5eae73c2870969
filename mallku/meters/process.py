"""What the operating system counts for this process and its children: processor seconds and resident memory."""

import os
import sys
import time
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_USER_TICKS: Final = 11
_SYSTEM_TICKS: Final = 12


class Process:
    """This process with the children that are alive, such as an engine in a child process. Elsewhere than on Linux, without children."""

    def __init__(self) -> None:
        """Look at nothing yet."""
        self._gone_s = 0.0
        self._last: dict[int, float] = {}

    def cpu_seconds(self) -> float:
        """Return processor seconds so far; what a child had used at the last reading stays counted after its end."""
        now = {pid: seconds for pid in _children() if (seconds := _child_seconds(pid)) is not None}
        self._gone_s += sum(seconds for pid, seconds in self._last.items() if pid not in now)
        self._last = now
        return time.process_time() + self._gone_s + sum(now.values())

    def peak_rss_bytes(self) -> int | None:
        """Return the largest resident memory that one of these processes ever had, or None if the system does not say."""
        peaks = [_own_peak(), *(_peak(pid) for pid in _children())]
        return max((peak for peak in peaks if peak is not None), default=None)

    def pids(self) -> frozenset[int]:
        """Return the process ids."""
        return frozenset((os.getpid(), *_children()))


def _children() -> list[int]:
    found: list[int] = []
    for thread in (_PROC / "self" / "task").glob("*/children"):
        try:
            found.extend(map(int, thread.read_text().split()))
        except OSError:  # the thread ended meanwhile
            continue
    return found


def _child_seconds(pid: int) -> float | None:
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> int | None:
    try:
        lines = (_PROC / str(pid) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _own_peak() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
