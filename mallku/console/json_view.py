"""JSON lines: every event as one line, for programs that read along."""

import json
import sys
from typing import IO

from mallku.events.codec import to_data
from mallku.events.kinds import AnyEvent


class JsonView:
    """Writes every event as a line of JSON, passing ones (such as token deltas) included. Remarks of the program go to stderr."""

    def __init__(self, file: IO[str] | None = None) -> None:
        """Write to `file`, stdout if none is given."""
        self._file = file or sys.stdout

    def open(self) -> None:
        """Begin; there is nothing to prepare."""

    def close(self) -> None:
        """End; everything is written already."""

    def status(self, text: str) -> None:
        """Say a text."""
        self.say(text)

    def say(self, text: str, style: str = "") -> None:
        """Write a remark of the program to stderr."""
        del style
        if text:
            sys.stderr.write(f"{text}\n")

    def catch_up(self, event: AnyEvent) -> None:
        """Tell nothing of an earlier run: its events were told then, and stand in the journal."""

    def __call__(self, event: AnyEvent) -> None:
        """Write the event. ASCII only, so that no terminal can be misled by it."""
        self._file.write(json.dumps(to_data(event), ensure_ascii=True, separators=(",", ":")) + "\n")
        self._file.flush()
