"""Plain lines: what happens, as it happens, for pipes, files, screen readers and terminals that can do no more."""

import sys
from typing import IO

from mallku.console import describe
from mallku.console.printable import one_line, printable
from mallku.events import kinds
from mallku.events.kinds import AnyEvent
from mallku.firecircle.state import DeliberationState


class LineView:
    """Writes a deliberation as plain lines, without colour and without moving the cursor."""

    def __init__(self, file: IO[str] | None = None, *, journal: str | None = None) -> None:
        """Write to `file`, stdout if none is given; `journal` is named in the commands at the end."""
        self._file = file or sys.stdout
        self._journal = journal
        self._state = DeliberationState()

    def open(self) -> None:
        """Begin; there is nothing to prepare."""

    def close(self) -> None:
        """End; everything is written already."""

    def status(self, text: str) -> None:
        """Say a text."""
        self.say(text)

    def say(self, text: str, style: str = "") -> None:
        """Write a remark of the program."""
        del style
        if text:
            self._write(f"-- {one_line(text)}")

    def catch_up(self, event: AnyEvent) -> None:
        """Take an event of an earlier run into account without telling it."""
        self._state.apply(event)

    def __call__(self, event: AnyEvent) -> None:
        """Write what the event tells."""
        self._state.apply(event)
        match event:
            case kinds.DeliberationConvened():
                self._convened(event)
            case kinds.DeliberationResumed():
                self.say(f"resumed {event.deliberation} after {len(self._state.transcript.statements)} statements")
            case kinds.RoundOpened():
                how = "all at once" if event.simultaneous else "one after the other"
                self._write(f"\n== round {event.round_index + 1} of {event.rounds_planned}: {one_line(event.title)} ({how})")
            case kinds.StatementMade():
                self._said(event.seat, event.text, " (broke off)" if event.partial else "")
            case kinds.DissentRecorded():
                self._said(self._voter(event.seat), event.text, " (dissent)")
            case kinds.SummaryWritten():
                self._said(event.seat, event.text, " (summary)")
            case kinds.ConvenerRemarked():
                self._said("Convener", event.text, " (remark)")
            case kinds.TurnScored() if any(score.is_scored for score in event.scores):
                self._write(f"-- scores of {one_line(event.turn)}: {describe.scores_in_line(event.scores)}")
            case kinds.BallotOpened():
                self._ballot_opened(event)
            case kinds.BallotCast():
                self._voted(event)
            case kinds.BallotSpoiled():
                self._write(f"{one_line(event.spoiled.seat)}'s ballot is spoiled: {one_line(event.spoiled.reason)}")
            case kinds.BallotCounted():
                self._write(f"-- {describe.outcome(event.verdict)}")
            case kinds.DeliberationEnded():
                self._ended(event)
            case _:
                self._remark(event)

    def _remark(self, event: AnyEvent) -> None:
        match event:
            case kinds.TurnPassed():
                self.say(f"{event.seat} passes. {event.reason}")
            case kinds.TurnFailed():
                self.say(describe.failure_words(event))
            case kinds.FloorAnswered() if event.asked == "naming" and event.named:
                self.say(f"{event.seat} gives the floor to {event.named}")
            case kinds.FloorAnswered() if event.asked == "bid":
                self.say(f"{event.seat} bids {event.bid} for the floor")
            case kinds.SeatLost():
                self.say(f"{event.seat} takes no further part. {event.reason}")
            case kinds.SeatSubstituted():
                self.say(f"{event.model} takes the seat of {event.seat}.")
            case kinds.SeatWarned():
                self.say(f"{event.seat}: {event.warning}" if event.seat else event.warning)
            case kinds.TranscriptCondensed():
                self.say(f"Round {event.round_index + 1} no longer fits in {event.window} tokens and is read as a digest from now on.")
            case kinds.DriftNoticed():
                self.say(describe.drift_words(event))
            case kinds.QuorumMissed():
                self.say(describe.quorum_words(event))
            case kinds.RoundsEnded():
                self.say(describe.ending_words(event))
            case kinds.PositionChanged() if describe.secrecy(self._state) == "public":
                self.say(f"{event.seat} moved from {event.before} to {event.after}, {event.cause}.")
            case _:
                pass

    def _convened(self, event: kinds.DeliberationConvened) -> None:
        self._write(f"question: {one_line(event.question)}")
        for option in event.options:
            self._write(f"option {option.label}: {one_line(option.text)}")
        for seat in event.seats:
            role = f", {one_line(seat.role)}" if seat.role else ""
            self._write(f"seat: {one_line(seat.name)}{role} ({describe.seat_words(seat)})")
        self._write(f"record: {event.deliberation}, seed {event.seed}")

    def _said(self, seat: str, text: str, remark: str) -> None:
        words = printable(text.strip()).replace("\n", "\n    ")
        self._write(f"{one_line(seat)}{remark}: {words}")

    def _ballot_opened(self, event: kinds.BallotOpened) -> None:
        self._write(f"\n== {describe.ballot_title(event.stage)} ({one_line(event.rule)})")
        for option in event.options:
            self._write(f"option {option.label}: {one_line(option.text)}")

    def _voter(self, seat: str) -> str:
        return seat if describe.secrecy(self._state) == "public" else describe.A_VOTER

    def _voted(self, event: kinds.BallotCast) -> None:
        if describe.secrecy(self._state) == "secret":
            self._write(f"{one_line(event.ballot.seat)} has voted")
            return
        reason = f": {one_line(event.ballot.reason)}" if event.ballot.reason else ""
        self._write(f"{one_line(event.ballot.seat)} votes {describe.ballot_words(event.ballot)}{reason}")

    def _ended(self, event: kinds.DeliberationEnded) -> None:
        record = self._state.ballots.get("final")
        self._write("")
        if record and record.counted:
            verdict = record.counted.verdict
            decided = f"{verdict.option}: {one_line(verdict.text)}" if verdict.option else verdict.status
            self._write(f"verdict: {decided}")
            if describe.secrecy(self._state) == "public":
                self._write(f"support: {describe.listed(verdict.support)}; dissent: {describe.listed(verdict.dissent)}")
            before = self._state.ballots.get("before")
            if moved := describe.shift(before.counted.verdict if before and before.counted else None, verdict):
                self._write(f"shift: {moved}")
            if others := describe.other_rules(record.counted):
                self._write(f"other rules: {others}")
        self._write(f"{event.status}: {one_line(event.reason).removesuffix('.')}, {describe.spent(self._state)}")
        for remark in event.remarks:
            self.say(remark)
        self._write(describe.record_words(event.deliberation, self._journal))

    def _write(self, line: str) -> None:
        self._file.write(f"{line}\n")
        self._file.flush()
