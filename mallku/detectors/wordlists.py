"""Word lists by kind, with beginnings of words and phrases, looked up token by token."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files

from mallku.detectors.reading import Token

_REMEMBERED = 20_000
"""Words whose lists are kept in memory."""


class Wordlists:
    """Lists of words, beginnings of words (`word*`) and phrases (`two_words`), each list with a name."""

    def __init__(self, lists: Mapping[str, str]) -> None:
        """Build the look-up from lists as they stand in a data file."""
        whole: dict[str, list[str]] = {}
        self._begun: dict[str, list[str]] = {}
        phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name, listed in lists.items():
            for word in listed.split():
                if "_" in word:
                    first, *rest = word.split("_")
                    phrases.setdefault(first, []).append((tuple(rest), name))
                elif word.endswith("*"):
                    self._begun.setdefault(word[:-1], []).append(name)
                else:
                    whole.setdefault(word, []).append(name)
        self._phrases = {first: sorted(rests, key=lambda rest: -len(rest[0])) for first, rests in phrases.items()}
        self._longest = max(map(len, self._begun), default=0)
        self._memory: dict[str, tuple[str, ...]] = {}
        self._whole: dict[str, tuple[str, ...]] = {word: tuple(names) for word, names in whole.items()}

    def names(self, word: str) -> tuple[str, ...]:
        """Return the lists that a word stands in; what was looked up is remembered."""
        known = self._memory.get(word)
        if known is None:
            known = self._whole.get(word, ())
            for length in range(min(len(word), self._longest), 1, -1):
                begun = self._begun.get(word[:length])
                if begun:
                    known += tuple(begun)
                    break
            if len(self._memory) > _REMEMBERED:
                self._memory.clear()
            self._memory[word] = known
        return known

    def at(self, tokens: Sequence[Token], index: int) -> Iterator[tuple[str, int]]:
        """Yield the lists that match at a token, each with the number of tokens it covers; phrases first, the longest of them."""
        word = tokens[index].word
        for rest, name in self._phrases.get(word, ()):
            size = len(rest)
            if index + size < len(tokens) and all(_matches(tokens[index + 1 + offset].word, wanted) for offset, wanted in enumerate(rest)):
                yield name, size + 1
        for name in self.names(word):
            yield name, 1


def _matches(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted[-1] == "*" else word == wanted


def wordlists(file: str) -> dict[str, Wordlists]:
    """Load the lists of a data file by table; a file without tables has one under the empty name."""
    loaded = tomllib.loads((files("mallku.detectors") / "data" / file).read_text(encoding="utf-8"))
    if all(isinstance(value, str) for value in loaded.values()):
        return {"": Wordlists(loaded)}
    return {name: Wordlists(lists) for name, lists in loaded.items()}
