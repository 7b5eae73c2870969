"""RAPL: the energy counters of Intel and AMD processors, as Linux shows them under `/sys/class/powercap`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mallku.meters.counter import Absent, Source

POWERCAP: Final = Path("/sys/class/powercap")
"""Where Linux shows the counters."""
_MOST_WATTS: Final = 1000.0
"""More than a processor package draws. A counter is lost once it may have wrapped twice at this power."""
_UNCERTAINTY: Final = 0.05
"""Relative uncertainty of the counters themselves; the makers give none, and published comparisons with wall meters differ."""
_MICRO: Final = 1e-6


@dataclass(slots=True)
class _Zone:
    path: Path
    range_j: float
    last_uj: int
    used_j: float = 0.0


class Rapl:
    """All packages of this machine, with their memory where that is counted apart. `psys` is left out, since it contains the packages."""

    source: Source = "rapl"

    def __init__(self, zones: list[Path], clock: Callable[[], float] = time.monotonic) -> None:
        """Open the zones, directories that hold `energy_uj`; raises `OSError` or `ValueError` where one cannot be read."""
        self._clock = clock
        self._zones = [
            _Zone(zone, int((zone / "max_energy_range_uj").read_text()) * _MICRO, int((zone / "energy_uj").read_text())) for zone in zones
        ]
        self._read_at = clock()
        self._is_lost = False
        self.name = f"processor energy of {', '.join(zone.path.name for zone in self._zones)}"

    def joules(self) -> float | None:
        """Return the joules since the counter was opened."""
        now = self._clock()
        elapsed, self._read_at = now - self._read_at, now
        if self._is_lost:
            return None
        try:
            for zone in self._zones:
                self._is_lost = self._is_lost or elapsed * _MOST_WATTS > zone.range_j
                reading = int((zone.path / "energy_uj").read_text())
                step = (reading - zone.last_uj) * _MICRO
                zone.used_j += step if step >= 0 else step + zone.range_j
                zone.last_uj = reading
        except (OSError, ValueError):
            self._is_lost = True
        return None if self._is_lost else sum(zone.used_j for zone in self._zones)

    def uncertainty(self, seconds: float) -> float:  # noqa: ARG002 - the same at every length
        """Return the relative uncertainty."""
        return _UNCERTAINTY

    def close(self) -> None:
        """Do nothing: files are opened for each reading."""


def open_rapl(root: Path = POWERCAP, clock: Callable[[], float] = time.monotonic) -> Rapl | Absent:
    """Return the counter, or why there is none."""
    zones = [zone for zone in sorted(root.glob("intel-rapl:*")) if _counts(zone)]
    if not zones:
        return Absent(source="rapl", reason=f"{root} shows no processor energy; virtual machines and containers mostly hide it")
    try:
        return Rapl(zones, clock)
    except PermissionError as error:
        return Absent(
            source="rapl",
            reason=f"{error.filename} may be read by root only",
            remedy=(
                f"sudo chmod a+r {root}/intel-rapl:*/energy_uj (until the next start; "
                "any program here can then read them, and fine readings can give secrets away, CVE-2020-8694)"
            ),
        )
    except (OSError, ValueError) as error:
        return Absent(source="rapl", reason=f"{root} cannot be read: {error}")


def _counts(zone: Path) -> bool:
    """Whether a zone is a package, or memory that no package contains."""
    try:
        name = (zone / "name").read_text().strip()
    except OSError:
        return False
    is_part = zone.name.count(":") > 1
    return name == "dram" if is_part else name.startswith("package")
