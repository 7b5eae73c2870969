"""Compile the kernel beside this file: `python mallku/engine/native/build.py`. Needs nothing but Python and a C compiler.

Installing mallku does this too. Without a compiler, or on another kind of processor, there is no kernel and llama.cpp uses its own.
"""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
KERNEL = HERE / "few_columns.so"
_FLAGS = ("-std=gnu11", "-O3", "-mavx2", "-mfma", "-mf16c", "-fopenmp", "-fPIC", "-shared", "-fvisibility=hidden")


def compile_kernel(target: Path = KERNEL, compilers: tuple[str, ...] = ("cc", "gcc")) -> str:
    """Compile the kernel; return an empty text, or why there is none."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"it is written for Linux on x86-64, not for {sys.platform} on {platform.machine()}"
    compiler = next((found for found in map(shutil.which, compilers) if found), None)
    if compiler is None:
        return "there is no C compiler"
    fresh = target.with_suffix(".new")
    command = [compiler, *_FLAGS, str(HERE / "few_columns.c"), "-o", str(fresh)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own source)
    if answer.returncode:
        return answer.stderr.strip() or f"{compiler} ended with {answer.returncode}"
    fresh.replace(target)
    return ""


def main() -> int:
    """Compile and tell."""
    reason = compile_kernel()
    print(f"No kernel: {reason}." if reason else f"Compiled {KERNEL}.")  # noqa: T201 (run by hand)
    return int(bool(reason))


if __name__ == "__main__":
    sys.exit(main())
