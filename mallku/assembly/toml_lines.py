"""On which line of a TOML text each setting stands, so that an error can point at it."""

from collections.abc import Mapping
from typing import Final

Place = tuple[str | int, ...]
"""Keys and indexes that lead to a value, such as `("seats", 0, "name")`."""

_BARE_END: Final = frozenset(" \t\r\n=.]")
_SCALAR_END: Final = frozenset(",]}#\r\n")


def lines_of(text: str) -> Mapping[Place, int]:
    """Return the line, from 1, on which each key, table and array item of a *valid* TOML text begins."""
    return _Scan(text).run()


def line_at(lines: Mapping[Place, int], place: Place) -> int | None:
    """Return the line of `place`, or of the nearest thing around it; None if nothing of it is in the text."""
    while place:
        if place in lines:
            return lines[place]
        place = place[:-1]
    return None


class _Scan:
    """Walks once over the text. Whether it is TOML at all has been checked before."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Place, int] = {}
        self._sizes: dict[Place, int] = {}

    def run(self) -> Mapping[Place, int]:
        table: Place = ()
        while self._skip():
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _here(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, marks: str = " \t\r\n") -> bool:
        """Go on past spaces and comments; say whether anything is left."""
        while self._at < len(self._text):
            if self._here() in marks:
                self._at += 1
            elif self._here() == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end == -1 else end
            else:
                return True
        return False

    def _note(self, place: Place, at: int) -> None:
        for length in range(1, len(place) + 1):
            self._lines.setdefault(place[:length], self._text.count("\n", 0, at) + 1)

    def _header(self) -> Place:
        began, of_array = self._at, self._text.startswith("[[", self._at)
        self._at += 2 if of_array else 1
        keys = self._keys()
        self._at += 2 if of_array else 1
        place = self._inside(keys[:-1]) + keys[-1:]
        if of_array:
            index = self._sizes.get(place, 0)
            self._sizes[place] = index + 1
            place = (*place, index)
        elif place in self._sizes:
            place = (*place, self._sizes[place] - 1)
        self._note(place, began)
        return place

    def _inside(self, keys: Place) -> Place:
        """Return the place of a table, which in an array of tables is the last one written so far."""
        place: Place = ()
        for key in keys:
            place = (*place, key)
            if place in self._sizes:
                place = (*place, self._sizes[place] - 1)
        return place

    def _keys(self) -> Place:
        keys: list[str | int] = []
        while True:
            self._skip(" \t")
            began = self._at
            if self._here() in {'"', "'"}:
                self._string()
                keys.append(self._text[began + 1 : self._at - 1])
            else:
                while self._here() and self._here() not in _BARE_END:
                    self._at += 1
                keys.append(self._text[began : self._at])
            self._skip(" \t")
            if self._here() != ".":
                return tuple(keys)
            self._at += 1

    def _pair(self, table: Place) -> None:
        began = self._at
        place = (*table, *self._keys())
        self._note(place, began)
        self._at += 1
        self._value(place)

    def _value(self, place: Place) -> None:
        self._skip()
        match self._here():
            case '"' | "'":
                self._string()
            case "[":
                self._list(place)
            case "{":
                self._inline(place)
            case _:
                while self._here() and self._here() not in _SCALAR_END:
                    self._at += 1

    def _string(self) -> None:
        quote = self._here()
        long = self._text.startswith(quote * 3, self._at)
        closing = quote * 3 if long else quote
        self._at += len(closing)
        while not self._text.startswith(closing, self._at):
            self._at += 2 if self._here() == "\\" and quote == '"' else 1
        self._at += len(closing)
        while long and self._here() == quote:
            self._at += 1

    def _list(self, place: Place) -> None:
        self._at += 1
        index = 0
        while self._skip() and self._here() != "]":
            if self._here() == ",":
                self._at += 1
                continue
            self._note((*place, index), self._at)
            self._value((*place, index))
            index += 1
        self._at += 1

    def _inline(self, place: Place) -> None:
        self._at += 1
        while self._skip() and self._here() != "}":
            if self._here() == ",":
                self._at += 1
            else:
                self._pair(place)
        self._at += 1
