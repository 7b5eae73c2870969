"""What several commands share: settings, logging, the choice of a view, options, and how a run's end is told."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from mallku.assembly.settings import Settings, read_settings
from mallku.console.keyboard import is_terminal
from mallku.console.logs import LogLevel, configure_logging
from mallku.console.runner import KEYS, Outcome
from mallku.console.view import View
from mallku.errors import ConfigurationError

if TYPE_CHECKING:
    from mallku.assembly.build import SeatWish

Command = TypeVar("Command", bound=Callable[..., Any])

journal_option = click.option("--journal", metavar="PLACE", help="The journal: a path, or postgresql://USER@HOST/DATABASE.")
"""The option that names a journal."""

_CONTEXT_LIMIT = 5_000_000


def begin(ctx: click.Context) -> Settings:
    """Read the settings and set up logging, for a command that does something."""
    settings = read_settings()
    asked = (ctx.obj or {}).get("log_level")
    configure_logging(cast("LogLevel", asked or settings.log_level), as_json=settings.log_format == "json")
    return settings


def in_loop(work: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """Make a plain function, as click calls it, of a coroutine function."""

    @functools.wraps(work)
    def run(*args: Any, **fields: Any) -> Any:
        return asyncio.run(work(*args, **fields))

    return run


def seat_wishes(texts: tuple[str, ...]) -> "tuple[SeatWish, ...]":
    """Read `NAME=SPEC` or `SPEC`."""
    from mallku.assembly.build import SeatWish  # most commands build nothing, and it imports nearly everything

    wishes = []
    for text in texts:
        name, equals, spec = text.partition("=")
        if not equals or any(mark in name for mark in ":/#"):
            name, spec = "", text
        if not spec.strip() or (equals and not name.strip() and spec is not text):
            raise ConfigurationError(
                f"The seat {text!r} is not complete.", hint="Write `--seat NAME=SPEC`, such as `--seat Ada=ollama:llama3.2`."
            )
        wishes.append(SeatWish(name=name.strip(), spec=spec.strip()))
    return tuple(wishes)


def read_context(texts: tuple[str, ...]) -> str:
    """Return the background of a question: each text is the path of a file, or the text itself."""
    parts = []
    for text in texts:
        path = Path(text)
        if len(text) < 4096 and "\n" not in text and path.is_file():  # noqa: PLR2004 - no path is longer
            parts.append(_file_text(path))
        elif path.suffix and " " not in text and "\n" not in text:
            raise ConfigurationError(f"There is no file {text!r}.", hint="Give the path of a text file, or the text itself in quotes.")
        else:
            parts.append(text)
    return "\n\n".join(parts)


def _file_text(path: Path) -> str:
    if path.stat().st_size > _CONTEXT_LIMIT:
        told = f"{str(path)!r} has {path.stat().st_size} bytes."
        raise ConfigurationError(told, hint="Give an excerpt; every seat reads all of it.")
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read as text: {error}.", hint="Give a text file in UTF-8.") from error


def choose_view(*, as_json: bool, plain: bool, journal: str | None, with_keys: bool) -> View:
    """Return the live view on a terminal that can draw, plain lines elsewhere, JSON lines where asked."""
    if as_json:
        from mallku.console.json_view import JsonView

        return JsonView()
    from mallku.console.line_view import LineView

    if plain:
        return LineView(journal=journal)
    from mallku.console.theme import terminal

    console = terminal()
    if not console.is_terminal or console.is_dumb_terminal:
        return LineView(journal=journal)
    from mallku.console.live_view import LiveView

    return LiveView(console, journal=journal, keys=KEYS if with_keys and is_terminal() else "ctrl-c leaves; it can be resumed")


def tell_end(outcome: Outcome, journal: str | None) -> int:
    """Say how to go on where the run was interrupted, and return the exit code."""
    if outcome.deliberation is not None:
        return 1 if outcome.deliberation.status == "failed" else 0
    named = f" --journal {journal}" if journal else ""
    if outcome.id:
        click.echo(f"Interrupted; everything that was finished is in the journal. Go on with: mallku resume {outcome.id}{named}", err=True)
    else:
        click.echo("Interrupted before anything was recorded.", err=True)
    return 128 + outcome.signal
