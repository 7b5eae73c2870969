"""The live view: finished words scroll up and stay, below them the circle as it is at this moment."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mallku.console import describe
from mallku.console.blocks import Blocks
from mallku.console.printable import one_line, printable
from mallku.console.progress import Progress, SeatProgress
from mallku.console.theme import WIDEST, marks_for, seat_style
from mallku.events import kinds
from mallku.events.kinds import AnyEvent

PAUSE_S: Final = 0.1
"""Seconds between two drawings of the live area."""

_LINES_OF_SPEECH: Final = 6
_FRAME_LINES: Final = 4


class LiveView:
    """Draws a deliberation on a terminal. Give it every event; draw between `open` and `close`."""

    def __init__(self, console: Console, *, journal: str | None = None, keys: str = "") -> None:
        """Prepare the view.

        Args:
            console: Where to draw.
            journal: The journal as the user named it, for the commands shown at the end.
            keys: What the keys do, shown at the foot.
        """
        self._console = console
        self._journal = journal
        self._keys = keys
        self._marks = marks_for(console)
        self._blocks = Blocks(self._marks)
        self._progress = Progress()
        self._status = ""
        self._opened_at = time.monotonic()
        self._live: Live | None = None
        self._drawing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to draw."""
        self._live = Live(get_renderable=self._now, console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._live.start()
        self._drawing = asyncio.get_running_loop().create_task(self._keep_drawing(), name="live view")

    def close(self) -> None:
        """Clear the live area; what was said stays."""
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing = None
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def say(self, text: str, style: str = "quiet") -> None:
        """Add a remark of the program."""
        self._print(self._blocks.note(text, style))

    def status(self, text: str) -> None:
        """Show a text at the foot of the live area until another one takes its place."""
        self._status = text

    async def _keep_drawing(self) -> None:
        while self._live is not None:
            self._live.refresh()
            await asyncio.sleep(PAUSE_S)

    def catch_up(self, event: AnyEvent) -> None:
        """Take an event of an earlier run into account without telling it."""
        self._progress.apply(event)
        if isinstance(event, kinds.DeliberationConvened):
            self._blocks = Blocks(self._marks, self._progress.state.seats, width=self._console.width)

    def __call__(self, event: AnyEvent) -> None:
        """Take the next event into account and print what is to stay."""
        self._progress.apply(event)
        state = self._progress.state
        match event:
            case kinds.DeliberationConvened():
                self._blocks = Blocks(self._marks, state.seats, width=self._console.width)
                self._print(self._blocks.opening(event))
            case kinds.DeliberationResumed():
                self._print(self._blocks.opening(state.convened) if state.convened else Text())
                said = len(state.transcript.statements)
                self.say(f"Resumed after {said} statements; {len(event.open_turns)} open turns are asked again.", "warn")
            case kinds.RoundOpened():
                self._print(self._blocks.round_head(event))
            case kinds.StatementMade():
                self._print(self._blocks.statement(event))
            case kinds.DissentRecorded():
                seat = event.seat if describe.secrecy(state) == "public" else describe.A_VOTER
                self._print(self._blocks.said(seat, event.text, f"dissent {self._marks.separator} minority report"))
            case kinds.SummaryWritten():
                self._print(self._blocks.said(event.seat, event.text, f"summary {self._marks.separator} written by a model"))
            case kinds.TurnScored():
                self._note_scores(event)
            case kinds.BallotCounted() if event.stage in state.ballots:
                self._print(self._blocks.ballots(state.ballots[event.stage], state))
            case kinds.DeliberationEnded():
                self._end(event)
            case _:
                self._remark(event)

    def _remark(self, event: AnyEvent) -> None:
        match event:
            case kinds.TurnPassed():
                reason = f": {one_line(event.reason)}" if event.reason else ""
                self.say(f"{one_line(event.seat)} passes{reason}")
            case kinds.TurnFailed():
                self.say(describe.failure_words(event), "warn" if event.will_retry else "bad")
            case kinds.FloorAnswered() if event.asked == "naming" and event.named:
                self.say(f"{one_line(event.seat)} gives the floor to {one_line(event.named)}")
            case kinds.SeatLost():
                self.say(f"{one_line(event.seat)} takes no further part. {event.reason}", "bad")
            case kinds.SeatSubstituted():
                self.say(f"{one_line(event.model)} takes the seat of {one_line(event.seat)}.", "warn")
            case kinds.SeatWarned():
                self.say(f"{one_line(event.seat)}: {event.warning}" if event.seat else event.warning, "warn")
            case kinds.TranscriptCondensed():
                self.say(
                    f"Round {event.round_index + 1} no longer fits in {event.window} tokens and is read as a digest from now on.", "warn"
                )
            case kinds.ConvenerRemarked():
                self._print(self._blocks.said("Convener", event.text, "remark"))
            case kinds.DriftNoticed():
                self.say(describe.drift_words(event), "warn")
            case kinds.QuorumMissed():
                self.say(describe.quorum_words(event), "bad")
            case kinds.RoundsEnded():
                self.say(describe.ending_words(event))
            case kinds.SubscriberFailed():
                self.say(f"The subscriber {event.subscriber} failed: {event.error}", "warn")
            case _:
                pass

    def _note_scores(self, event: kinds.TurnScored) -> None:
        """Print the scores of a round once all of its statements have them."""
        state = self._progress.state
        statement = next((one for one in state.transcript.statements if one.turn == event.turn), None)
        if statement is None or statement.round_index not in state.closed_rounds:
            return
        turns = [one for one in state.statements_of(statement.round_index) if one.seat in state.seats]
        if all(one.turn in state.scores for one in turns):
            self._print(self._blocks.scores([(one.seat, state.scores[one.turn]) for one in turns]))

    def _end(self, event: kinds.DeliberationEnded) -> None:
        state = self._progress.state
        if verdict := self._blocks.verdict(state):
            self._print(verdict)
        self._print(self._blocks.ending(event, state, describe.record_words(event.deliberation, self._journal)))

    def _print(self, block: RenderableType) -> None:
        if self._live is not None:
            # printing draws the live area again as it was drawn last, so it is brought up to date before
            self._live.refresh()
        self._console.print(Constrain(block, WIDEST))

    def _now(self) -> RenderableType:
        """Return the live area."""
        now = self._progress
        if not now.seats or now.state.ended:
            return Text(self._waiting_words(), style="quiet")
        rows = self._rows()
        panel = Panel(
            Group(*rows),
            title=self._head(),
            title_align="left",
            subtitle=Text(self._status or self._keys, style="warn" if self._status else "quiet"),
            subtitle_align="left",
            border_style="quiet",
            box=box.ROUNDED,
        )
        return Constrain(panel, WIDEST)

    def _waiting_words(self) -> str:
        if self._progress.state.convened is not None:
            return ""
        if loading := self._progress.loading:
            return f" loading {one_line(loading.model)} {loading.progress:.0%}"
        return f" preparing the seats {self._marks.separator} {describe.seconds(time.monotonic() - self._opened_at)}"

    def _head(self) -> Text:
        now, dot = self._progress, f" {self._marks.separator} "
        if now.ballot is not None:
            step = describe.ballot_title(now.ballot.stage)
        elif now.round is not None:
            step = f"round {now.round.round_index + 1} of {now.round.rounds_planned}{dot}{one_line(now.round.title)}"
        else:
            step = "convening"
        began = now.state.convened.at if now.state.convened else None
        elapsed = describe.seconds((datetime.now(UTC) - began).total_seconds()) if began else ""
        return Text(f"{step}{dot}{elapsed}", style="title")

    def _rows(self) -> list[RenderableType]:
        seats = list(self._progress.seats.values())
        room = max(len(seats), self._console.size.height - _FRAME_LINES - 2)
        speaking = [seat for seat in seats if seat.text and seat.is_busy]
        lines = min(_LINES_OF_SPEECH, (room - len(seats)) // len(speaking)) if speaking else 0
        shown: list[RenderableType] = []
        for seat in seats[:room]:
            shown.append(self._seat_row(seat))
            if seat in speaking and lines > 0:
                shown.append(self._tail(seat, lines))
        return shown

    def _seat_row(self, seat: SeatProgress) -> RenderableType:
        mark = {
            "waits": self._marks.ring,
            "is lost": self._marks.lost,
            "failed": self._marks.lost,
            "spoke": self._marks.done,
            "passed": self._marks.done,
            "voted": self._marks.done,
        }.get(seat.doing, self._marks.arrow)
        colour = seat_style(seat.place)
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(width=1)
        row.add_column(no_wrap=True, max_width=24)
        row.add_column(ratio=1, no_wrap=True)
        row.add_column(justify="right", no_wrap=True)
        name = Text(one_line(seat.name, 24).ljust(self._name_width() + 1), style=colour if seat.doing != "is lost" else "quiet")
        row.add_row(Text(mark, style=colour), name, Text(self._doing(seat), style="quiet"), self._levels(seat))
        return row

    def _name_width(self) -> int:
        return min(24, max(len(name) for name in self._progress.seats))

    def _doing(self, seat: SeatProgress) -> str:
        if not seat.is_busy or seat.since is None:
            return seat.doing
        waited = (datetime.now(UTC) - seat.since).total_seconds()
        tokens = "1 token" if seat.pieces == 1 else f"{seat.pieces} tokens"
        pieces = f" {self._marks.separator} {tokens}" if seat.pieces else ""
        return f"{seat.doing}{pieces} {self._marks.separator} {describe.seconds(max(0.0, waited))}"

    def _levels(self, seat: SeatProgress) -> Text:
        """Return the seat's latest scores, one small bar each."""
        text = Text()
        for value in seat.latest.values():
            if value is None:
                text.append(self._marks.separator, style="bar.rest")
            else:
                text.append(self._marks.levels[min(7, int(value * 8))], style="bar")
        return text

    def _tail(self, seat: SeatProgress, lines: int) -> RenderableType:
        """Return the last lines of what has arrived."""
        width = max(10, min(self._console.size.width, WIDEST) - 8)
        # only the end can be seen, so only the end is wrapped
        text = Text(printable(seat.text[-width * (lines + 2) :].lstrip()), overflow="fold")
        wrapped = text.wrap(self._console, width)
        return Group(*(Text("   ") + line for line in wrapped[-lines:]))
