"""Whether ggml's AMX code is safe to run here: tried out once in a child process, and remembered for this build of llama.cpp."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mallku.engine.processors import has_amx
from mallku.engine.settings import FastPath

_TIMEOUT_S: Final = 600


class Remembered:
    """Results of earlier self-checks, in a small file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, build: str) -> bool | None:
        """Return how the self-check of a build ended, or None if there was none."""
        found = self._read().get(build)
        return found if isinstance(found, bool) else None

    def put(self, build: str, *, passed: bool) -> None:
        """Remember how it ended."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({**self._read(), build: passed}, indent=1), encoding="utf-8")

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def fast_path_is_safe(mode: FastPath, cpuinfo: str, build: str, remembered: Remembered, check: Callable[[], bool]) -> bool:
    """Decide whether ggml may repack weights for this CPU. Without AMX it always may; with AMX, after a self-check has passed."""
    if mode == "trust" or not has_amx(cpuinfo):
        return True
    if mode == "off":
        return False
    known = remembered.get(build)
    if known is None and mode == "check":
        # Remembered as failed first: should the check take this machine down, it is not tried again.
        remembered.put(build, passed=False)
        known = check()
        remembered.put(build, passed=known)
    return bool(known)


def remembered_here() -> Remembered:
    """Return the results kept in the user's cache folder."""
    from platformdirs import user_cache_path

    return Remembered(user_cache_path("mallku") / "amx-self-check.json")


def build_name(library: Path, cpuinfo: str, file_type: str) -> str:
    """Name a build of llama.cpp, on a processor, for a number format of weights."""
    model = next((line for line in cpuinfo.splitlines() if line.startswith("model name")), "")
    digest = hashlib.sha256()
    for path in sorted(library.glob("*ggml*")):
        digest.update(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    return f"{digest.hexdigest()[:16]} {model.partition(':')[2].strip()} {file_type}"


def check_in_child(model_path: Path) -> bool:
    """Load a model with all optimisations and compute a few batches, in a child process; return whether it lived."""
    command = [sys.executable, "-m", "mallku.engine.trial_run", str(model_path)]
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=_TIMEOUT_S).returncode == 0  # noqa: S603 (our own module)
    except subprocess.TimeoutExpired:
        return False
