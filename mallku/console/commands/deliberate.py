"""`mallku deliberate`: convene a circle on a question and watch it."""

from dataclasses import dataclass
from pathlib import Path

import click

from mallku.assembly.build import Wishes, assemble
from mallku.assembly.settings import Settings
from mallku.console.commands.common import begin, choose_view, in_loop, journal_option, read_context, seat_wishes, tell_end
from mallku.console.human_prompt import HumanPrompt
from mallku.console.logs import log_events
from mallku.console.runner import Outcome, Runner
from mallku.errors import ConfigurationError, QuestionError
from mallku.events.bus import EventBus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Showing:
    """How the run is shown."""

    as_json: bool
    plain: bool
    minutes: Path | None


@click.command()
@click.argument("question", required=False, default="")
@click.option(
    "--circle", type=click.Path(path_type=Path, dir_okay=False), help="A circle file; circle.toml of this directory if there is one."
)
@click.option("--template", default="", metavar="NAME", help="A circle that comes with mallku; see `mallku templates`.")
@click.option(
    "--seat",
    "seats",
    multiple=True,
    metavar="NAME=SPEC",
    help="Who sits: ollama:MODEL, http://HOST:PORT/v1#MODEL, gguf:PATH, tiny, human. Repeat for each seat.",
)
@click.option("--model", default="", metavar="SPEC", help="What speaks for all seats that name no model.")
@click.option("--option", "options", multiple=True, metavar="TEXT", help="Something to vote for. Repeat for each.")
@click.option("--context", "context", multiple=True, metavar="FILE|TEXT", help="Background that every seat reads.")
@click.option("--rounds", type=int, help="Rounds of the default plan: an opening, exchanges, a synthesis.")
@click.option("--rule", default="", metavar="RULE", help="Decision rule: majority, approval, schulze, consensus, supermajority(2/3) …")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of all orders, ties and samplers.")
@journal_option
@click.option("--json", "as_json", is_flag=True, help="Write every event as a line of JSON.")
@click.option("--plain", is_flag=True, help="Write plain lines, also on a terminal.")
@click.option("--allow-remote", is_flag=True, help="Let seats speak from public addresses: words leave your network.")
@click.option("--minutes", type=click.Path(path_type=Path, dir_okay=False), help="Write the minutes to this file: .md, .html or .json.")
@click.pass_context
@in_loop
async def deliberate(
    ctx: click.Context,
    question: str,
    seats: tuple[str, ...],
    options: tuple[str, ...],
    context: tuple[str, ...],
    *,
    as_json: bool,
    plain: bool,
    minutes: Path | None,
    **wished: object,
) -> int:
    """Convene a circle on QUESTION and watch it deliberate.

    Without any option the circle of circle.toml convenes; else the models of local servers that answer; else GGUF files that are
    found; else the bundled rehearsal model.
    """
    settings = begin(ctx)
    _check_minutes(minutes)
    wishes = Wishes(seats=seat_wishes(seats), **wished)  # type: ignore[arg-type]
    showing = _Showing(as_json=as_json, plain=plain, minutes=minutes)
    return await _convene(wishes, settings, showing, question=question, context=read_context(context), options=options)


async def _convene(wishes: Wishes, settings: Settings, showing: _Showing, *, question: str, context: str, options: tuple[str, ...]) -> int:
    journal = wishes.journal or settings.journal
    with_keys = not showing.as_json
    view = choose_view(as_json=showing.as_json, plain=showing.plain, journal=wishes.journal, with_keys=with_keys)
    runner = Runner(view)
    bus = EventBus()
    log_events(bus)
    ask = HumanPrompt(runner.keyboard, runner.veil.form)
    assembly = await assemble(wishes, settings=settings, ask=ask, bus=bus)
    asked = question or assembly.question
    if not asked.strip():
        raise QuestionError(f"The question is empty: {asked!r}.", hint='Ask something: mallku deliberate "Should we open our data?"')
    for told in assembly.told:
        view.say(told)
    work = assembly.circle.deliberate(asked, context=context or assembly.context, options=options or assembly.options)
    outcome = await runner.run(assembly.circle, work, with_keys=with_keys)
    if showing.minutes and outcome.deliberation is not None:
        _write_minutes(outcome, showing.minutes)
    return tell_end(outcome, wishes.journal or (journal if journal != settings.journal else None))


def _check_minutes(path: Path | None) -> None:
    if path is not None and path.suffix.lower() not in {".md", ".html", ".json"}:
        raise ConfigurationError(f"{str(path)!r} does not say which form the minutes have.", hint="End the name in .md, .html or .json.")
    if path is not None and not path.absolute().parent.is_dir():
        raise ConfigurationError(f"There is no directory {str(path.parent)!r} for the minutes.", hint="Make it, or name another.")


def _write_minutes(outcome: Outcome, path: Path) -> None:
    from mallku.console.commands.records import minutes_text

    if outcome.deliberation is None:
        return
    text = minutes_text(outcome.deliberation, path.suffix.lower().removeprefix("."))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        again = f"The deliberation is recorded: mallku show {outcome.id} --format {path.suffix.removeprefix('.')}"
        raise ConfigurationError(f"{str(path)!r} cannot be written: {error.strerror}.", hint=again) from error
    click.echo(f"The minutes are in {path}.", err=True)
