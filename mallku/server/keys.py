"""Keys that clients present: named, kept only as hashes, compared in constant time."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mallku.errors import ConfigurationError
from mallku.server.settings import ServerSettings

_LINE: Final = re.compile(r"(?P<name>[\w.-]{1,64})\s+sha256:(?P<digest>[0-9a-f]{64})")


class Keys:
    """The keys that are valid, by name."""

    def __init__(self, digests: Mapping[str, bytes]) -> None:
        self._digests = dict(digests)

    @property
    def are_demanded(self) -> bool:
        """Whether a request without a key is refused."""
        return bool(self._digests)

    def name_of(self, presented: str) -> str | None:
        """Return the name of a key, or None if it is not valid. Takes as long for either."""
        digest = _digest(presented)
        found = None
        for name, held in self._digests.items():
            if hmac.compare_digest(digest, held):
                found = name
        return found


def load_keys(settings: ServerSettings) -> Keys:
    """Gather the keys of the settings."""
    digests = {}
    if settings.api_key is not None:
        digests["default"] = _digest(settings.api_key.get_secret_value())
    if settings.keys_file is not None:
        digests |= _read(settings.keys_file)
    return Keys(digests)


def new_key(name: str, keys_file: Path) -> str:
    """Draw a key of 256 bits, add its hash to the file under `name`, and return the key. It cannot be shown again."""
    if not _LINE.fullmatch(f"{name} sha256:{'0' * 64}"):
        raise ConfigurationError(f"A key cannot be called {name!r}.", hint="Use up to 64 letters, digits, dots and hyphens.")
    if keys_file.exists() and name in _read(keys_file):
        raise ConfigurationError(f"There is a key {name!r} in {keys_file} already.", hint="Take another name, or delete that line first.")
    key = f"mallku-{secrets.token_urlsafe(32)}"
    with keys_file.open("a", encoding="utf-8") as file:
        file.write(f"{name} sha256:{_digest(key).hex()}\n")
    keys_file.chmod(0o600)
    return key


def _read(path: Path) -> dict[str, bytes]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        message = f"The keys file {path} cannot be read ({error.strerror})."
        raise ConfigurationError(message, hint="Make one with `mallku serve --new-key NAME`.") from error
    digests = {}
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            raise ConfigurationError(f"Line {number} of {path} is not a key.", hint="A line reads `name sha256:HEX`.")
        digests[found["name"]] = bytes.fromhex(found["digest"])
    if not digests:
        raise ConfigurationError(f"The keys file {path} holds no key.", hint="Make one with `mallku serve --new-key NAME`.")
    return digests


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
