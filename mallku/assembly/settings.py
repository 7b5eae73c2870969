"""Settings from the environment: `MALLKU_*`, also from `.env` in the working directory."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mallku.errors import ConfigurationError


class Settings(BaseSettings):
    """What a user can set once for all runs. Each is read from the variable `MALLKU_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="MALLKU_", env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    circle: Path | None = None
    """The circle file used where the command line names none."""
    model: str = ""
    """What speaks for seats that name no model, such as `ollama:llama3.2`."""
    journal: str | None = None
    """Where the record goes: a path or a `postgresql://` address."""
    judge: str = ""
    """What reads some statements a second time, such as `ollama:llama3.2`; nobody if empty."""
    embed: Path | None = None
    """A GGUF that turns texts into vectors, for the third tier of the detectors."""
    allow_remote: bool = False
    """Whether seats may speak from public addresses."""
    log_level: Literal["debug", "info", "warning", "error", "off"] = "off"
    """What is logged to stderr."""
    log_format: Literal["text", "json"] = "text"
    """Whether log lines are text for people or JSON."""
    debug: bool = False
    """Whether errors are shown with their traceback."""


def read_settings() -> Settings:
    """Read the settings; a `ConfigurationError` names the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = f"MALLKU_{'_'.join(map(str, first['loc'])).upper()}"
        told = f"The environment variable {name} is {first['input']!r}."
        raise ConfigurationError(told, hint=f"{first['msg'].replace('Input', 'It')}.") from None
