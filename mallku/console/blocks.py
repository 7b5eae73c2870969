"""The permanent parts of the live view: blocks that stay in the terminal's scrollback."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mallku.console import describe
from mallku.console.printable import one_line, printable
from mallku.console.theme import WIDEST, Marks, seat_style
from mallku.dialogue.score import Score
from mallku.dialogue.transcript import Option
from mallku.events import kinds
from mallku.firecircle.decisions import shown_ballots, shown_verdict
from mallku.firecircle.state import BallotRecord, DeliberationState

BAR_WIDTH = 5
"""Characters of a score bar."""

_OPTION_MARGIN = 20
_ROOMY_COLUMN = 13


class Blocks:
    """Makes blocks in the look of one terminal."""

    def __init__(self, marks: Marks, seats: Sequence[str] = (), *, width: int = 80) -> None:
        self._marks = marks
        self._width = min(width, WIDEST)
        self._places = {name: place for place, name in enumerate(seats)}

    def name(self, seat: str, *, width: int = 0) -> Text:
        """Return a seat's name in its colour."""
        return Text(one_line(seat, 24).ljust(width), style=seat_style(self._places[seat]) if seat in self._places else "title")

    def opening(self, event: kinds.DeliberationConvened) -> RenderableType:
        """Return the head of a deliberation: the question and who sits in the circle."""
        plan, dot = event.plan, f" {self._marks.separator} "
        facts = dot.join([str(plan.get("name", "default plan")), f"{len(event.seats)} seats", f"seed {event.seed}", event.deliberation])
        table = Table.grid(padding=(0, 2))
        for seat in event.seats:
            table.add_row(
                Text(self._marks.dot, style=seat_style(self._places.get(seat.name, 0))),
                self.name(seat.name),
                Text(one_line(seat.role, 48), style="quiet"),
                Text(describe.seat_words(seat), style="warn" if seat.location == "public" else "quiet"),
            )
        parts: list[RenderableType] = [Text(printable(event.question), style="title"), Text(one_line(facts), style="quiet"), Text()]
        if event.options:
            parts += [self.options(event.options), Text()]
        return Padding(Group(*parts, table), (1, 0, 1, 1))

    def round_head(self, event: kinds.RoundOpened) -> RenderableType:
        """Return the line that opens a round."""
        how = "all at once" if event.simultaneous else "one after the other"
        masked = ", under masks" if event.masks else ""
        title = Text.assemble(
            (f"{event.round_index + 1}/{event.rounds_planned} ", "quiet"),
            (one_line(event.title), "title"),
            (f"  {how}{masked}", "quiet"),
        )
        return Group(Text(), Rule(title, align="left", style="quiet", characters=self._marks.line), Text())

    def statement(self, event: kinds.StatementMade) -> RenderableType:
        """Return what somebody said."""
        remarks = [describe.cost(event.usage, event.timings)]
        remarks += ["broke off"] if event.partial else []
        remarks += ["cut at the token limit"] if event.finish_reason == "length" else []
        remarks += ["spoke for others; that was cut off"] if event.trimmed else []
        return self.said(event.seat, event.text, f" {self._marks.separator} ".join(part for part in remarks if part))

    def said(self, seat: str, text: str, remark: str) -> RenderableType:
        """Return a block of somebody's words under its name."""
        head = Table.grid(expand=True)
        head.add_column()
        head.add_column(justify="right")
        dot = Text(f"{self._marks.dot} ", style=seat_style(self._places.get(seat, 0)))
        head.add_row(dot + self.name(seat), Text(remark, style="quiet"))
        return Group(head, Padding(Text(printable(text.strip()), overflow="fold"), (0, 0, 1, 2)))

    def note(self, text: str, style: str = "quiet") -> RenderableType:
        """Return a remark of the program."""
        return Padding(Text(printable(text), style=style, overflow="fold"), (0, 0, 1, 2))

    def bar(self, value: float | None, width: int = BAR_WIDTH) -> Text:
        """Return a score as a small bar with its figure; a dash where there is none."""
        if value is None:
            return Text("-", style="quiet")
        full = min(width, max(0, round(value * width)))
        return Text.assemble(
            (self._marks.full * full, "bar"),
            (self._marks.rest * (width - full), "bar.rest"),
            f" {describe.figure(value).removeprefix('0')}",
        )

    def scores(self, rows: Sequence[tuple[str, Sequence[Score]]]) -> RenderableType:
        """Return the scores of a round, a row for each seat; dimensions that nobody was scored in are left out."""
        dimensions = list(dict.fromkeys(score.dimension for _, scores in rows for score in scores if score.is_scored))
        if not dimensions:
            return Text()
        names = max(len(one_line(seat, 24)) for seat, _ in rows)
        room = (self._width - 3 - max(names, len("scores"))) // len(dimensions)
        short = room < _ROOMY_COLUMN
        table = Table(box=None, padding=(0, 1 if short else 2, 0, 0), show_edge=False, header_style="quiet")
        table.add_column("scores", no_wrap=True)
        for dimension in dimensions:
            table.add_column(describe.dimension_title(dimension, short=short), no_wrap=True)
        for seat, scores in rows:
            by_name = {score.dimension: score.value for score in scores}
            bars = (self.bar(by_name.get(dimension), max(1, min(BAR_WIDTH, room - 5))) for dimension in dimensions)
            table.add_row(self.name(seat), *bars)
        return Padding(table, (0, 0, 1, 2))

    def options(self, options: Sequence[Option], *, authors: bool = False) -> RenderableType:
        """Return options one below the other."""
        table = Table.grid(padding=(0, 2))
        for option in options:
            text = Text(one_line(option.text, max(20, 2 * (self._width - _OPTION_MARGIN))), overflow="fold")
            author = [self.name(option.author) if option.author else Text()] if authors else []
            table.add_row(Text(option.label, style="key"), *author, text)
        return table

    def ballots(self, record: BallotRecord, state: DeliberationState) -> RenderableType:
        """Return a ballot as it was counted: what each voter chose and why, and how it came out."""
        opened, counted = record.opened, record.counted
        title = Text(describe.ballot_title(opened.stage), style="title")
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0), header_style="quiet", pad_edge=False)
        table.add_column("voter", no_wrap=True)
        table.add_column("vote")
        table.add_column("reason", overflow="fold")
        cast = [record.cast[seat] for seat in state.seats if seat in record.cast]
        seed = state.convened.seed if state.convened else 0
        for ballot in shown_ballots(cast, describe.secrecy(state), seed=seed):
            table.add_row(self.name(ballot.seat), Text(describe.ballot_words(ballot), style="key"), Text(one_line(ballot.reason)))
        for seat, spoiled in record.spoiled.items():
            table.add_row(self.name(seat), Text("spoiled", style="bad"), Text(one_line(spoiled.reason), style="quiet"))
        parts: list[RenderableType] = [title, Text()]
        if any(option.author for option in opened.options):
            parts += [self.options(opened.options, authors=True), Text()]
        parts += [table] if table.row_count else []
        if counted:
            parts += [Text(), Text(describe.outcome(counted.verdict), style="mark")]
        return Padding(Group(*parts), (0, 0, 1, 2))

    def verdict(self, state: DeliberationState) -> RenderableType | None:
        """Return the panel of the outcome, or None where nothing was counted."""
        record = state.ballots.get("final")
        if record is None or record.counted is None:
            return None
        secrecy = describe.secrecy(state)
        verdict = shown_verdict(record.counted.verdict, secrecy)
        decided = verdict.status in {"decided", "tied"} and verdict.option
        style = "verdict" if decided else "unresolved"
        head = (
            Text(printable(verdict.text), style=style, overflow="fold")
            if decided
            else Text(describe.UNDECIDED.get(verdict.status, verdict.status), style=style)
        )
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="quiet", no_wrap=True)
        rows.add_column(overflow="fold")
        rows.add_row("count", Text(describe.outcome(verdict)))
        if verdict.tie_break:
            rows.add_row("tie", Text(one_line(verdict.tie_break)))
        if decided and secrecy == "public":
            rows.add_row("support", Text(describe.listed(verdict.support)))
            rows.add_row("dissent", Text(describe.listed(verdict.dissent)))
        for title, names in (("no side", verdict.abstained), ("no ballot", verdict.missing)):
            if names:
                rows.add_row(title, Text(describe.listed(names)))
        before = state.ballots.get("before")
        if moved := describe.shift(before.counted.verdict if before and before.counted else None, verdict):
            rows.add_row("shift", Text(moved))
        for change in state.changes if secrecy == "public" else ():
            rows.add_row("moved", Text(one_line(f"{change.seat}: {change.before} → {change.after}, {change.cause}")))
        if others := describe.other_rules(record.counted):
            rows.add_row("otherwise", Text(one_line(others)))
        for note in verdict.notes:
            rows.add_row("note", Text(one_line(note)))
        panel = Panel(
            Group(head, Text(), rows), title=Text("verdict", style=style), title_align="left", border_style=style, box=box.ROUNDED
        )
        return Padding(panel, (0, 0, 1, 0))

    def ending(self, event: kinds.DeliberationEnded, state: DeliberationState, record: str) -> RenderableType:
        """Return the last lines: how it ended, what it cost, where the record is."""
        style = {"complete": "good", "degraded": "warn", "failed": "bad", "stopped": "warn"}[event.status]
        parts = [Text.assemble((event.status, style), (f"  {one_line(event.reason)}, {describe.spent(state)}", "quiet"))]
        parts += [Text(f"{self._marks.separator} {one_line(remark)}", style="warn") for remark in event.remarks]
        return Padding(Group(*parts, Text(record, style="quiet")), (0, 0, 0, 1))
