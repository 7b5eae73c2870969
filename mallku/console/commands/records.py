"""`mallku list`, `show`, `verify` and `search`: reading what the journal keeps."""

import re
import sys
from typing import Literal

import click

from mallku.console.commands.common import begin, in_loop, journal_option
from mallku.console.printable import one_line, printable
from mallku.firecircle import Deliberation
from mallku.journal import open_journal

_QUESTION_LENGTH = 70
_LINK_INSIDE = re.compile(r"\[([^\]]*)\]\(#[^)]*\)")


@click.command("list")
@journal_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most deliberations shown, the latest first.")
@click.pass_context
@in_loop
async def list_records(ctx: click.Context, journal: str | None, limit: int) -> int:
    """List past deliberations, the latest first."""
    settings = begin(ctx)
    async with await open_journal(journal or settings.journal) as record:
        found = await record.deliberations()
    if not found:
        click.echo(f'The journal {record.place} holds no deliberation yet. Begin with: mallku deliberate "QUESTION"', err=True)
        return 0
    for one in found[:limit]:
        statements = f"{one.statements} statements"
        click.echo(
            f"{one.id}  {one.convened_at:%Y-%m-%d %H:%M}  {one.status:<11}  {statements:<13}  {one_line(one.question, _QUESTION_LENGTH)}"
        )
    if len(found) > limit:
        click.echo(f"({len(found) - limit} more; see --limit)", err=True)
    return 0


@click.command()
@click.argument("deliberation", metavar="ID")
@click.option("--format", "form", type=click.Choice(["md", "html", "json"]), default="md", show_default=True, help="Form of the minutes.")
@journal_option
@click.pass_context
@in_loop
async def show(ctx: click.Context, deliberation: str, form: str, journal: str | None) -> int:
    """Show the minutes of the deliberation ID, which may be shortened to its first letters."""
    settings = begin(ctx)
    async with await open_journal(journal or settings.journal) as record:
        found = await record.resolve(deliberation)
        events = await record.events(found)
        head = (await record.verify(found)).head
    text = minutes_text(Deliberation.from_events(events), form, head=head)
    if form == "md" and sys.stdout.isatty():
        from rich.markdown import Markdown

        from mallku.console.theme import WIDEST, terminal

        console = terminal()
        console.print(Markdown(_LINK_INSIDE.sub(r"\1", printable(text)), hyperlinks=False), width=min(console.width, WIDEST))
    else:
        click.echo(text)
    return 0


@click.command()
@click.argument("deliberation", metavar="ID")
@click.option("--head", default="", metavar="HASH", help="Hash the record must end in, as a verification printed it before.")
@journal_option
@click.pass_context
@in_loop
async def verify(ctx: click.Context, deliberation: str, head: str, journal: str | None) -> int:
    """Recompute the hash chain of the deliberation ID and say whether anything was changed."""
    settings = begin(ctx)
    async with await open_journal(journal or settings.journal) as record:
        found = await record.resolve(deliberation)
        checked = await record.verify(found, head=head)
    if checked.intact:
        click.echo(f"{found}: whole; {checked.events} events, the last one's hash is {checked.head}")
    else:
        click.echo(f"{found}: NOT whole. {checked.problem}")
    return 0 if checked.intact else 1


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--any", "any_word", is_flag=True, help="Find texts that hold any of the words, not all of them.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most places shown, the best first.")
@journal_option
@click.pass_context
@in_loop
async def search(ctx: click.Context, words: tuple[str, ...], journal: str | None, limit: int, *, any_word: bool) -> int:
    """Find WORDS, or words that begin with them, in questions, statements, dissent and verdicts."""
    settings = begin(ctx)
    match: Literal["all", "any"] = "any" if any_word else "all"
    async with await open_journal(journal or settings.journal) as record:
        hits = await record.search(" ".join(words), match=match, limit=limit)
    for hit in hits:
        who = f" {one_line(hit.seat)}" if hit.seat else ""
        turn = f" {one_line(hit.turn)}" if hit.turn else ""
        click.echo(f"{hit.deliberation}{turn}  {hit.source}{who}: {one_line(hit.excerpt)}")
    if not hits:
        click.echo(f"{' '.join(words)!r} was not found.", err=True)
    return 0


def minutes_text(deliberation: Deliberation, form: str, *, head: str = "") -> str:
    """Return the minutes as Markdown (`md`), HTML or JSON."""
    from mallku.firecircle.minutes import take_minutes, to_html, to_json, to_markdown

    write = {"md": to_markdown, "html": to_html, "json": to_json}[form]
    text = write(take_minutes(deliberation.events, head=head))
    return text if form == "json" else printable(text)
