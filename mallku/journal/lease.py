"""The right to run a deliberation, held by a lock of the operating system: it ends with its holder, however that ends."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mallku.errors import JournalLocked, JournalReadOnly

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lease_file(journal: Path, deliberation: str) -> Path:
    """Return the file whose lock is the lease; the name holds no character of the id, which may be no file name."""
    return journal.with_name(f"{journal.name}.leases") / hashlib.sha256(deliberation.encode(errors="replace")).hexdigest()[:32]


@contextmanager
def file_lease(journal: Path, deliberation: str) -> Iterator[None]:
    """Hold a deliberation's lock file; raises `JournalLocked` at once if somebody else does."""
    path = lease_file(journal, deliberation)
    descriptor = _take(path, deliberation)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _take(path: Path, deliberation: str) -> int:
    while True:
        try:
            path.parent.mkdir(exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            hint = "Make its directory writable for you, or name another journal."
            raise JournalReadOnly(f"{path} cannot be written ({error.strerror}).", hint=hint) from error
        try:
            _lock(descriptor)
        except OSError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            who = f" in process {holder}" if holder else " in another process"
            message = f"deliberation {deliberation!r} is already running{who}."
            raise JournalLocked(message, hint="Wait for it to end, or stop that process; then resume.") from error
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Tell whether the locked file still bears its name: a holder that has just let go unlinks it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
