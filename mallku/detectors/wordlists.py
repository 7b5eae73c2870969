"""Word lists by kind, with beginnings of words and phrases, looked up token by token."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from mallku.detectors.reading import Token

_REMEMBERED = 20_000
"""Words whose lists are kept in memory."""


class Wordlists:
    """Lists of words, beginnings of words (`word*`) and phrases (`two_words`), each list with a name."""

    def __init__(self, lists: Mapping[str, str]) -> None:
        """Build the look-up from lists as they stand in a data file."""
        whole: dict[str, list[str]] = {}
        begun: dict[str, list[str]] = {}
        phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name, listed in lists.items():
            for word in listed.split():
                if "_" in word:
                    first, *rest = word.split("_")
                    phrases.setdefault(first, []).append((tuple(rest), name))
                elif word.endswith("*"):
                    begun.setdefault(word[:-1], []).append(name)
                else:
                    whole.setdefault(word, []).append(name)
        self._entries = _Entries(
            whole, begun, {first: tuple(sorted(rests, key=lambda rest: -len(rest[0]))) for first, rests in phrases.items()}
        )

    def at(self, tokens: Sequence[Token], index: int) -> Sequence[tuple[str, int]]:
        """Return the lists that match at a token, each with the number of tokens it covers; phrases first, the longest of them."""
        names, phrases = self._entries[tokens[index].word]
        if not phrases:
            return names
        found = []
        for rest, name in phrases:
            size = len(rest)
            if index + size < len(tokens) and all(_matches(tokens[index + 1 + offset].word, wanted) for offset, wanted in enumerate(rest)):
                found.append((name, size + 1))
        return [*found, *names] if found else names


_Phrases = tuple[tuple[tuple[str, ...], str], ...]


class _Entries(dict[str, tuple[tuple[tuple[str, int], ...], _Phrases]]):
    """For each word the lists it stands in, whole or by its beginning, and the phrases it begins; what was looked up is remembered."""

    def __init__(self, whole: Mapping[str, list[str]], begun: Mapping[str, list[str]], phrases: Mapping[str, _Phrases]) -> None:
        super().__init__()
        self._whole, self._begun, self._phrases = whole, begun, phrases
        self._longest = max(map(len, begun), default=0)

    def __missing__(self, word: str) -> tuple[tuple[tuple[str, int], ...], _Phrases]:
        names = list(self._whole.get(word, ()))
        for length in range(min(len(word), self._longest), 1, -1):
            known = self._begun.get(word[:length])
            if known:
                names += known
                break
        if len(self) > _REMEMBERED:
            self.clear()
        entry = (tuple((name, 1) for name in names), self._phrases.get(word, ()))
        self[word] = entry
        return entry


def _matches(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted[-1] == "*" else word == wanted


def wordlists(file: str) -> dict[str, Wordlists]:
    """Load the lists of a data file by table; a file without tables has one under the empty name."""
    loaded = tomllib.loads((files("mallku.detectors") / "data" / file).read_text(encoding="utf-8"))
    if all(isinstance(value, str) for value in loaded.values()):
        return {"": Wordlists(loaded)}
    return {name: Wordlists(lists) for name, lists in loaded.items()}
