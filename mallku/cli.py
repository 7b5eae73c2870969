"""The command `mallku`: which commands there are, and how errors reach the person who called. Commands are loaded when called."""

import importlib
import io
import os
import sys
import textwrap
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

import click

from mallku import __version__

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "deliberate": ("mallku.console.commands.deliberate:deliberate", "Convene a circle on a question and watch it."),
    "resume": ("mallku.console.commands.resume:resume", "Finish a deliberation that broke off."),
    "list": ("mallku.console.commands.records:list_records", "List past deliberations."),
    "show": ("mallku.console.commands.records:show", "Show the minutes of a deliberation."),
    "verify": ("mallku.console.commands.records:verify", "Check that a record was not changed."),
    "search": ("mallku.console.commands.records:search", "Find words in past deliberations."),
    "export": ("mallku.console.commands.transfer:export", "Write a deliberation to a file."),
    "import": ("mallku.console.commands.transfer:import_", "Take over a deliberation from a file."),
    "models": ("mallku.console.commands.models:models", "List the local servers and model files that are here."),
    "doctor": ("mallku.console.commands.doctor:doctor", "Check what works on this machine and say how to mend the rest."),
    "score": ("mallku.console.commands.score:score", "Score a text as statements in a circle are scored."),
    "templates": ("mallku.console.commands.circle_files:templates", "List the circles that come with mallku."),
    "init": ("mallku.console.commands.circle_files:init", "Write a circle.toml to start from."),
    "schema": ("mallku.console.commands.circle_files:schema", "Print the JSON Schema of circle.toml."),
    "serve": ("mallku.cli_serve:serve", "Serve models and circles over the protocols of OpenAI and Anthropic."),
}
"""Name of each command: where it is, and what it does."""

WRONG_USE: Final = 2
"""Exit code where the caller asked for something that cannot be done."""

FAILED: Final = 1
"""Exit code where something outside broke, or a deliberation failed."""


class _Commands(click.Group):
    """A group whose commands are imported when they are called, so that help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"There is no command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="mallku %(version)s")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error", "off"]),
    help="Log to stderr from this importance on; off by default.",
)
@click.pass_context
def cli(ctx: click.Context, log_level: str | None) -> None:
    """Language models on your own computers deliberate in a circle.

    \b
    mallku deliberate "Should our village share its weather data?"

    Nothing leaves your network unless you say so. Settings can also be given in the environment as MALLKU_ and their name.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    ctx.obj = {"log_level": log_level}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    from mallku.errors import MallkuError, RemoteAddressRefused

    sys.excepthook = _unforeseen
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a letter shows `?`; that must not end a deliberation
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(args=arguments, prog_name="mallku", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except MallkuError as error:
        if _debugging():
            raise
        remedy = " On the command line that is `--allow-remote`." if isinstance(error, RemoteAddressRefused) else ""
        click.echo(paragraph(f"{error}{remedy}"), err=True)
        sys.exit(exit_code(error))
    sys.exit(code if isinstance(code, int) else 0)


def exit_code(error: Exception) -> int:
    """Return 2 where the caller asked for something that cannot be done, else 1."""
    from mallku.errors import NoParticipants, UnknownDeliberation, UsageError

    return WRONG_USE if isinstance(error, UsageError | NoParticipants | UnknownDeliberation) else FAILED


def paragraph(text: str) -> str:
    """Return an error as one paragraph, without anything that a server or a file could have put in to mislead a terminal."""
    plain = "".join(mark if mark.isprintable() else " " for mark in text)
    return textwrap.fill(f"mallku: {' '.join(plain.split())}", width=100, break_long_words=False, break_on_hyphens=False)


def _debugging() -> bool:
    return os.environ.get("MALLKU_DEBUG", "").lower() in {"1", "true", "yes", "on"}


def _unforeseen(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
    """Report what nobody foresaw: a fault of mallku, or of a library."""
    if _debugging():
        sys.__excepthook__(kind, error, trace)
        return
    told = f"{kind.__name__}: {error} This is a fault of mallku; what was finished is in the journal. "
    click.echo(paragraph(f"{told}Run it again with MALLKU_DEBUG=1 and report what it says."), err=True)
