"""`mallku export` and `import`: a whole deliberation as a file, which proves by itself that nothing in it was changed."""

from pathlib import Path

import click

from mallku.console.commands.common import begin, in_loop, journal_option
from mallku.errors import ConfigurationError
from mallku.journal import open_journal
from mallku.journal.export import ExportFormat, export_deliberation, import_deliberation


@click.command()
@click.argument("deliberation", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--format", "form", type=click.Choice(["json", "jsonl"]), default="json", show_default=True, help="Form of the export.")
@journal_option
@click.pass_context
@in_loop
async def export(ctx: click.Context, deliberation: str, file: Path | None, form: ExportFormat, *, journal: str | None) -> int:
    """Write the deliberation ID with all its events to FILE, or to standard output."""
    settings = begin(ctx)
    async with await open_journal(journal or settings.journal) as record:
        text = await export_deliberation(record, await record.resolve(deliberation), form=form)
    if file is None:
        click.echo(text)
        return 0
    _write(file, text)
    click.echo(f"The deliberation is in {file}.", err=True)
    return 0


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@journal_option
@click.pass_context
@in_loop
async def import_(ctx: click.Context, file: Path, journal: str | None) -> int:
    """Take over the deliberation in FILE, byte by byte; a changed one is refused."""
    settings = begin(ctx)
    text = _read(file)
    async with await open_journal(journal or settings.journal) as record:
        found = await import_deliberation(record, text)
    named = f" --journal {journal}" if journal else ""
    click.echo(f"{found} is in the journal {record.place}. Show it with: mallku show {found}{named}")
    return 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{str(file)!r} cannot be written: {error.strerror}.", hint="Name another file.") from error


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{str(file)!r} cannot be read: {error}.", hint="Give a file that `mallku export` wrote.") from error
