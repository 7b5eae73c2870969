"""`mallku resume`: finish a deliberation that broke off."""

import click

from mallku.assembly.build import assemble_again
from mallku.console.commands.common import begin, choose_view, in_loop, journal_option, seat_wishes, tell_end
from mallku.console.human_prompt import HumanPrompt
from mallku.console.logs import log_events
from mallku.console.runner import Runner
from mallku.events import kinds
from mallku.events.bus import EventBus
from mallku.journal import open_journal


@click.command()
@click.argument("deliberation", metavar="ID")
@click.option("--seat", "seats", multiple=True, metavar="NAME=SPEC", help="Let something else speak for a seat from now on.")
@journal_option
@click.option("--json", "as_json", is_flag=True, help="Write every event as a line of JSON.")
@click.option("--plain", is_flag=True, help="Write plain lines, also on a terminal.")
@click.option("--allow-remote", is_flag=True, help="Let seats speak from public addresses: words leave your network.")
@click.pass_context
@in_loop
async def resume(
    ctx: click.Context, deliberation: str, seats: tuple[str, ...], journal: str | None, *, as_json: bool, plain: bool, allow_remote: bool
) -> int:
    """Finish the deliberation ID, which may be shortened to its first letters.

    What was said stays as it was; a turn that was open is asked again.
    """
    settings = begin(ctx)
    view = choose_view(as_json=as_json, plain=plain, journal=journal, with_keys=not as_json)
    runner = Runner(view)
    bus = EventBus()
    log_events(bus)
    async with await open_journal(journal or settings.journal) as record:
        found = await record.resolve(deliberation)
        events = await record.events(found)
        convened = events[0]
        assert isinstance(convened, kinds.DeliberationConvened)
        if isinstance(events[-1], kinds.DeliberationEnded):
            click.echo(f"The deliberation {found} has ended ({events[-1].status}). Show it with: mallku show {found}", err=True)
            return 0
        circle = await assemble_again(
            convened,
            journal=record,
            seats=seat_wishes(seats),
            allow_remote=allow_remote or settings.allow_remote,
            ask=HumanPrompt(runner.keyboard, runner.veil.form),
            bus=bus,
            substituted={event.seat: event.spec for event in events if isinstance(event, kinds.SeatSubstituted)},
        )
        outcome = await runner.run(circle, circle.resume(found), with_keys=not as_json, earlier=events)
    return tell_end(outcome, journal)
