"""The server's settings: one value object, and where its values come from.

A value is looked for in this order: flags, `MALLKU_SERVE_…` in the environment, the `LLM_…` names of the environment, the same names in
`.env`, the table `[serve]` of a TOML file, the default. Flags of `mallku serve` have the names of the fields, with hyphens.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from mallku.errors import ConfigurationError

PREFIX: Final = "MALLKU_SERVE_"
"""Begins the environment names of all settings: `MALLKU_SERVE_PORT`."""

OTHER_NAMES: Final[Mapping[str, str]] = {
    "LLM_HOST": "host",
    "LLM_PORT": "port",
    "LLM_MODEL_PATH": "models",
    "LLM_MODEL_NAME": "default_model",
    "LLM_LOG_LEVEL": "log_level",
    "LLM_REQUEST_TIMEOUT": "request_timeout_s",
    "MALLKU_API_KEY": "api_key",
}
"""Further environment names, with the setting each stands for."""

_LISTS: Final = frozenset({"models", "model_directories", "circles", "allowed_hosts", "allowed_origins"})


class ServerSettings(BaseModel):
    """Everything `mallku serve` can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, protected_namespaces=())

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback demands a key."""
    port: int = Field(default=8642, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    models: tuple[str, ...] = ()
    """Models by path or participant spec, each perhaps with a name before it: `small=/models/small.gguf`, `http://127.0.0.1:1234/v1#qwen`.
    Empty: the GGUF files found on this machine, else the bundled rehearsal model."""
    model_directories: tuple[Path, ...] = ()
    """Directories whose GGUF files are served by their names."""
    default_model: str = ""
    """Model of requests that name none. Empty: the first one."""
    circles: tuple[Path, ...] = ()
    """Circle files, each served as `circle/NAME` by its file name. Empty: `circle.toml` of the working directory, if there is one."""
    circle_model: str = ""
    """What speaks for seats of circles that name no model, as a participant spec. Empty: the first of `models`, else what is found here."""
    api_key: SecretStr | None = None
    """One key that clients must present. Named keys stand in `keys_file`."""
    keys_file: Path | None = None
    """File of named, hashed keys: lines `name sha256:HEX`, as `mallku serve --new-key NAME` writes them."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names under which clients may address this server; protects against DNS rebinding."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins whose pages may call this server, such as `http://localhost:3000`. Empty: none."""
    allow_remote: bool = False
    """Whether participants at public addresses may be served."""
    max_body_bytes: int = Field(default=4_000_000, ge=1_000)
    """Largest request body."""
    max_header_bytes: int = Field(default=32_000, ge=2_000)
    """Largest request line and headers together."""
    max_concurrent: int = Field(default=64, ge=1)
    """Requests that are worked on at once; further ones wait."""
    max_waiting: int = Field(default=256, ge=0)
    """Requests that may wait; further ones are answered with 429."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests one key (without keys: one client address) may make in a minute. None: no limit."""
    request_timeout_s: float = Field(default=900.0, gt=0)
    """Seconds one answer may take, waiting and loading included."""
    client_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds a client may take to send its request, or to accept the next bytes of an answer."""
    human_timeout_s: float = Field(default=900.0, gt=0)
    """Seconds a person has for a turn over HTTP."""
    grace_s: float = Field(default=10.0, ge=0)
    """Seconds that running requests get to finish when the server is stopped."""
    max_memory_gb: float = Field(default=8.0, gt=0)
    """Memory of all loaded models together, in 10^9 bytes; the one unused longest is unloaded first."""
    unload_after_s: float = Field(default=900.0, gt=0)
    """Seconds without a request after which a model is unloaded."""
    context_length: int | None = Field(default=None, ge=64)
    """Tokens of one request's window. None: the engine's choice."""
    gpu_layers: int = Field(default=0, ge=-1)
    """Layers kept on the GPU; -1 is all."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of one decode step. None: the engine's choice."""
    isolate: bool = False
    """Whether each model runs in a child process."""
    journal: str | None = None
    """Where deliberations are kept: a path or a database URL. None: the user's own journal."""
    log_level: str = "info"
    """How much is logged: debug, info, warning or error."""

    @model_validator(mode="after")
    def _consistent(self) -> "ServerSettings":
        if self.log_level.lower() not in {"debug", "info", "warning", "error", "critical"}:
            raise ValueError(f"log_level is {self.log_level!r}; it is debug, info, warning, error or critical")
        if self.journal == ":memory:":
            raise ValueError("journal is ':memory:', which no second reader could see; give a path or a database URL")
        for origin in self.allowed_origins:
            if origin != "*" and ("://" not in origin or origin.endswith("/")):
                raise ValueError(f"allowed_origins has {origin!r}; an origin looks like http://localhost:3000")
        if not self.is_loopback and self.api_key is None and self.keys_file is None:
            raise ValueError(f"host {self.host!r} can be reached from other machines and no key is set; set api_key or keys_file")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


def load_settings(
    flags: Mapping[str, Any] | None = None, *, config: Path | None = None, environment: Mapping[str, str] | None = None
) -> ServerSettings:
    """Gather the settings; raises `ConfigurationError` that names the setting.

    Args:
        flags: Values given on the command line, by field name; None means not given.
        config: A TOML file with a table `[serve]`. None: `mallku.toml` of the working directory, if there is one.
        environment: The environment; the process's own if None.
    """
    values = _from_toml(config)
    values |= _from_names(_dotenv())
    values |= _from_names(os.environ if environment is None else environment)
    values |= {name: value for name, value in (flags or {}).items() if value is not None and value != ()}
    return _checked(values)


def _checked(values: Mapping[str, Any]) -> ServerSettings:
    for name in values:
        if name not in ServerSettings.model_fields:
            near = difflib.get_close_matches(name, ServerSettings.model_fields, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"Known are {', '.join(ServerSettings.model_fields)}."
            raise ConfigurationError(f"The server has no setting {name!r}.", hint=hint)
    try:
        return ServerSettings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        about = f"The server's setting `{place}` is wrong" if place else "The server's settings do not go together"
        raise ConfigurationError(f"{about}: {first['msg'].removeprefix('Value error, ')}.", hint="Correct it where it is given.") from None


def _from_toml(config: Path | None) -> dict[str, Any]:
    path = config or Path("mallku.toml")
    if config is None and not path.is_file():
        return {}
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).", hint="Name an existing TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}.", hint="Correct it there.") from error
    table = data.get("serve", {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"`serve` in {path} is {table!r}.", hint="Make it a table: [serve].")
    return table


def _from_names(source: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {name: source[other] for other, name in OTHER_NAMES.items() if source.get(other)}
    for name, value in source.items():
        if name.startswith(PREFIX) and value:
            found[name.removeprefix(PREFIX).lower()] = value
    return {name: tuple(part for part in value.split(",") if part) if name in _LISTS else value for name, value in found.items()}


def _dotenv() -> dict[str, str]:
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(".env").items() if value}
