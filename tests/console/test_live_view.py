import re

import pytest
from rich.cells import cell_len
from watching import WORDS, events_of, speaker, terminal

from mallku.console.live_view import LiveView
from mallku.console.theme import ASCII
from mallku.detectors import default_panel
from mallku.events import kinds
from mallku.firecircle import DecisionPlan, Plan, RoundPlan

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HOSTILE = "\x1b[2J\x1b]0;title\x07 [bold red]markup[/bold red] \u202edrawkcab " + "w" * 300 + " \x9b31m end"


def drawn(events, *, width=80, height=30, live=True):
    """Show events without a loop: what stays, and the live area after each event."""
    console = terminal(width, height)
    view = LiveView(console, keys="q stop")
    areas = []
    for event in events:
        view(event)
        if live:
            with console.capture() as captured:
                console.print(view._now())
            areas.append(captured.get())
    return console.file.getvalue(), areas


@pytest.mark.parametrize("width", [40, 80, 160])
async def test_nothing_is_wider_than_the_terminal(width):
    shown, areas = drawn(await events_of(), width=width)

    for text in (shown, *areas):
        assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("height", [8, 12, 24])
async def test_the_live_area_fits_below_what_was_said(height):
    long = {name: text * 8 for name, text in WORDS.items()}
    opening = [event for event in await events_of(long) if getattr(event, "round_index", 0) == 0]
    end = next(place for place, event in enumerate(opening) if isinstance(event, kinds.StatementMade))
    _, areas = drawn(opening[:end], height=height)

    assert max(len(area.splitlines()) for area in areas) <= height


async def test_everything_that_was_said_stays_in_order():
    events = await events_of()
    shown, _ = drawn(events, width=160, live=False)
    statements = [event.text for event in events if isinstance(event, kinds.StatementMade)]

    position = 0
    for text in statements:
        position = shown.index(text, position) + 1
    assert len(statements) == 9


async def test_words_appear_while_they_arrive():
    events = await events_of()
    deltas = [place for place, event in enumerate(events) if isinstance(event, kinds.TurnDelta) and event.turn == "r0.Noor"]
    _, areas = drawn(events, width=160)

    assert "Only with a right" in areas[deltas[4]]
    assert "deletion" not in areas[deltas[4]]


async def test_the_round_and_what_each_seat_does_is_shown():
    events = await events_of()
    opened = next(place for place, event in enumerate(events) if isinstance(event, kinds.TurnOpened))
    _, areas = drawn(events)

    assert "round 1 of 3 · opening" in areas[opened]
    assert "is asked" in areas[opened]
    assert all(name in areas[opened] for name in WORDS)


async def test_the_end_shows_ballots_verdict_shift_and_where_the_record_is():
    events = await events_of()
    shown, _ = drawn(events, width=120, live=False)

    for words in (
        "final ballot",
        "It is the first.",
        "support",
        "dissent",
        "before the exchange",
        "mallku show",
        "mallku verify",
        "complete",
    ):
        assert words in shown


async def test_scores_are_bars_with_figures():
    shown, _ = drawn(await events_of(panel=default_panel()), width=120, live=False)

    assert re.search(r"[━─]{5} \.\d\d|[━─]{5} 1\.00", shown)
    assert "sovereignty" in shown


@pytest.mark.parametrize("width", [20, 80])
async def test_hostile_words_stay_words(width):
    shown, areas = drawn(await events_of({"Eve": HOSTILE, "Noor": "No."}, question=f"Really? {HOSTILE}"), width=width)

    for text in (shown, *areas):
        bare = CONTROL.sub("", text)
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(bare)
        assert "\x1b[2J" not in text
    assert "[bold" in shown


async def test_without_unicode_only_ascii_is_drawn(monkeypatch):
    monkeypatch.setattr("mallku.console.live_view.marks_for", lambda console: ASCII)
    console = terminal()
    view = LiveView(console)
    for event in await events_of():
        view(event)

    assert {mark for mark in console.file.getvalue() if not mark.isascii()} <= set("╭╮╰╯│─→…")


async def test_a_secret_ballot_shows_no_names():
    plan = Plan(rounds=(RoundPlan(kind="opening", visibility="sealed"),), decision=DecisionPlan(secrecy="secret", ballot_before=False))
    shown, _ = drawn(await events_of(plan=plan), width=120, live=False)
    table = shown[shown.index("voter") : shown.index("verdict")]

    assert "ballot 1" in table
    assert not any(name in table for name in WORDS)
    assert "support " not in shown


async def test_failures_and_lost_seats_are_told():
    from mallku.errors import ModelNotFound
    from mallku.testing import ScriptedParticipant

    gone = ScriptedParticipant([ModelNotFound("There is no model 'x'.", hint="Load it.")])
    shown, _ = drawn(await events_of(seats=[("Cho", gone)]), width=160, live=False)

    assert "Cho could not answer: There is no model 'x'. Load it." in shown
    assert "Cho takes no further part" in shown
    assert "degraded" in shown
    assert speaker("x")
