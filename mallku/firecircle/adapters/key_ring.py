"""Keys kept in files: one key alone, or a ring of several, each bound to the address it is for."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from mallku.errors import ConfigurationError

RING: Final = "keys.toml"
"""Name of the ring that is looked into where no key is given, in mallku's folder of settings."""

_LARGEST: Final = 64 * 1024
_STANDARD_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """What a file of keys holds for one address."""

    key: SecretStr | None
    """The key, or None if the file has none for this address."""
    concern: str = ""
    """What is wrong with the way the file is kept, and how to mend it; empty if nothing is."""


def key_from_file(path: Path, url: str) -> FoundKey:
    """Return the key that `path` holds for the server at `url`.

    A file with a single word in it is that key, whatever the address. Any other file is read as TOML, a table of keys by address:
    `HOST:PORT`, or `HOST` for every port of it. A key of a ring goes to no other address than the one it stands beside.

    Raises:
        ConfigurationError: The file cannot be read, or is neither. The message never shows what it holds.
    """
    text = _text(path)
    words = text.split()
    if not words:
        raise ConfigurationError(f"The key file {str(path)!r} is empty.", hint="Write the key into it, and nothing else.")
    key = SecretStr(words[0]) if len(words) == 1 else _in_ring(path, text, url)
    return FoundKey(key=key, concern=_concern(path))


def ring_of_this_user() -> Path | None:
    """Return where this user's ring of keys lies, or None if there is none."""
    from platformdirs import user_config_path

    ring = user_config_path("mallku") / RING
    return ring if ring.is_file() else None


def _text(path: Path) -> str:
    hint = "Give the path of a file that holds the key and nothing else, or of a TOML table of keys by `HOST:PORT`."
    try:
        with path.expanduser().open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise ConfigurationError(f"The key file {str(path)!r} has more than {_LARGEST} bytes.", hint=hint)
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"The key file {str(path)!r} cannot be read: {error.strerror}.", hint=hint) from None
    except UnicodeDecodeError:
        # the error would carry the bytes
        raise ConfigurationError(f"The key file {str(path)!r} is no text.", hint=hint) from None


def _in_ring(path: Path, text: str, url: str) -> SecretStr | None:
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # the error would quote the line
        raise ConfigurationError(
            f"The key file {str(path)!r} holds neither a single key nor a TOML table of keys.",
            hint='Write one key alone, or lines like `"127.0.0.1:1337" = "KEY"`.',
        ) from None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = parts.port or _STANDARD_PORTS.get(parts.scheme, 80)
    wanted = {f"{shown}:{port}".lower(): 2, shown.lower(): 1}
    found: tuple[int, SecretStr] | None = None
    for address, key in table.items():
        if not isinstance(key, str) or not key.strip():
            raise ConfigurationError(
                f"The key file {str(path)!r} has no text beside {address!r}.", hint='Write lines like `"127.0.0.1:1337" = "KEY"`.'
            )
        rank = wanted.get(address.lower(), 0)
        if rank > (found[0] if found else 0):
            found = (rank, SecretStr(key.strip()))
    return found[1] if found else None


def _concern(path: Path) -> str:
    if os.name != "posix":
        return ""
    others = stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH
    if path.expanduser().stat().st_mode & others:
        return f"other users of this machine can read or change the key file {str(path)!r}; `chmod 600` keeps it yours"
    return ""
