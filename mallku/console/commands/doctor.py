"""`mallku doctor`: what works on this machine, and how to mend the rest."""

import asyncio
import importlib.metadata
import itertools
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from mallku import __version__
from mallku.assembly.config import FILE_NAME, SeatEntry, read_circle_file
from mallku.assembly.seating import HUMAN, seat_participant
from mallku.assembly.settings import Settings
from mallku.catalog.local_servers import discover_servers
from mallku.catalog.model_folders import find_model_files
from mallku.console.commands.common import begin, in_loop, seat_wishes
from mallku.console.printable import one_line
from mallku.errors import MallkuError
from mallku.journal import journal_place, open_journal
from mallku.meters import counters_here


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    """What was looked at."""
    state: Literal["ok", "note", "fault"]
    """Whether it works, may be wanted, or is broken."""
    told: str
    """What was found, and how to mend it."""
    about: str = ""
    """The seat or specification that was examined; empty for what concerns the whole machine."""


@click.command()
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@click.option("--seat", "seats", multiple=True, metavar="NAME=SPEC", help="Examine this seat too, as `deliberate` would seat it.")
@click.pass_context
@in_loop
async def doctor(ctx: click.Context, *, specs: tuple[str, ...], seats: tuple[str, ...]) -> int:
    """Check what works on this machine and say how to mend the rest.

    With SPEC, such as `ollama:llama3.2` or `http://HOST:PORT/v1#MODEL`, that model is examined too, as are the seats of a circle file:
    each is asked two short questions.
    """
    settings = begin(ctx)
    findings = [
        Finding(what="mallku", state="ok", told=f"{__version__} on Python {platform.python_version()}, {os.cpu_count()} processors"),
        _engine(),
        *_meters(),
        *await asyncio.gather(_rehearsal(), _servers(), _files(), _journal(settings)),
        *await _circle(settings),
        *[finding for wish in seat_wishes(specs + seats) for finding in await _examined(wish.name or wish.spec, wish.spec)],
    ]
    for about, group in itertools.groupby(findings, key=lambda finding: finding.about):
        shown = list(group)
        width = max(len(finding.what) for finding in shown)
        if about:
            click.echo(f"\n{one_line(about)}")
        for finding in shown:
            click.echo(f"{finding.state:<5}  {finding.what:<{width}}  {one_line(finding.told)}")
    return 1 if any(finding.state == "fault" for finding in findings) else 0


def _engine() -> Finding:
    try:
        version = importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        told = 'llama-cpp-python is not installed; GGUF files need it: pip install "mallku[llama]"'
        return Finding(what="engine", state="note", told=told)
    return Finding(what="engine", state="ok", told=f"llama-cpp-python {version}")


def _meters() -> list[Finding]:
    """Say which energy counters can be read here, and how the others are made readable."""
    counters, absent = counters_here()
    found = [Finding(what="energy", state="ok", told=f"{counter.name} can be read") for counter in counters]
    for counter in counters:
        counter.close()
    missing = [f"{one.source}: {one.reason}{f' ({one.remedy})' if one.remedy else ''}" for one in absent]
    return found + [Finding(what="energy", state="note", told=told) for told in missing]


async def _rehearsal() -> Finding:
    from mallku.dialogue.participant import Connectable

    try:
        participant = seat_participant("tiny")
        try:
            if isinstance(participant, Connectable):
                await participant.connect()
        finally:
            await participant.close()
    except MallkuError as error:
        return Finding(what="rehearsal", state="fault", told=str(error))
    return Finding(what="rehearsal", state="ok", told="the bundled model loads")


async def _servers() -> Finding:
    found = await discover_servers()
    if not found:
        return Finding(
            what="servers", state="note", told="no local server answers on its usual port; name one with --seat NAME=http://HOST:PORT"
        )
    told = ", ".join(server.url if server.facts else f"{server.url} ({server.problem})" for server in found)
    return Finding(what="servers", state="ok", told=told)


async def _files() -> Finding:
    found = await asyncio.to_thread(find_model_files)
    speaking = [facts for facts in found.models if facts.speaks]
    if found.unusable:
        path, reason = found.unusable[0]
        return Finding(what="files", state="note", told=f"{len(speaking)} usable; {len(found.unusable)} not, the first is {path}: {reason}")
    return Finding(what="files", state="ok" if speaking else "note", told=f"{len(speaking)} model files; `mallku models` lists them")


async def _journal(settings: Settings) -> Finding:
    place = journal_place(settings.journal)
    try:
        async with await open_journal(settings.journal) as record:
            count = len(await record.deliberations())
            return Finding(what="journal", state="ok", told=f"{record.place}, {count} deliberations")
    except MallkuError as error:
        return Finding(what="journal", state="fault", told=f"{error}" if place in str(error) else f"{place}: {error}")


async def _circle(settings: Settings) -> list[Finding]:
    path = settings.circle or Path(FILE_NAME)
    if not path.is_file() and settings.circle is None:
        return []
    try:
        circle = read_circle_file(path)
    except MallkuError as error:
        return [Finding(what="circle", state="fault", told=str(error))]
    findings = [Finding(what="circle", state="ok", told=f"{path}, {len(circle.seats)} seats")]
    for entry in circle.seats:
        spec = entry.model or circle.model
        if spec and spec != HUMAN:
            findings += await _examined(entry.name, spec, entry=entry, allow_remote=circle.allow_remote)
    return findings


def _joined(told: str, remedy: str) -> str:
    """Return what was found and how to mend it as sentences."""
    return f"{told}{'' if told.endswith(('.', '!', '?')) else '.'} {remedy}" if remedy else told


async def _examined(name: str, spec: str, *, entry: SeatEntry | None = None, allow_remote: bool = False) -> list[Finding]:
    """Examine what speaks for a seat: reachable, where, window, an answer, a ballot."""
    from mallku.firecircle.adapters.examination import examine

    try:
        participant = seat_participant(spec, entry=entry, allow_remote=allow_remote)
    except MallkuError as error:
        return [Finding(what="seat", state="fault", told=str(error), about=name)]
    try:
        results = [result async for result in examine(participant)]
    finally:
        await participant.close()
    return [Finding(what=result.what, state=result.state, told=_joined(result.told, result.remedy), about=name) for result in results]
