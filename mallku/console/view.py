"""What every view of a deliberation can do."""

from typing import Protocol

from mallku.events.kinds import AnyEvent


class View(Protocol):
    """Shows a deliberation. It is given every event in order, and shows nothing before `open` and after `close`."""

    def open(self) -> None:
        """Begin to show, or go on after `close`."""
        ...

    def close(self) -> None:
        """Leave the terminal alone; may be called again."""
        ...

    def say(self, text: str, style: str = "") -> None:
        """Show a remark of the program."""
        ...

    def status(self, text: str) -> None:
        """Show what the program waits for; an empty text ends that."""
        ...

    def catch_up(self, event: AnyEvent) -> None:
        """Take an event of an earlier run into account without telling it."""
        ...

    def __call__(self, event: AnyEvent) -> None:
        """Show the next event."""
        ...
