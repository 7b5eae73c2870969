"""Reading a text: its tokens, sentences, quotations and language, found once and shared by all detectors."""

# ruff: noqa: SIM905, E501, RUF001, PLR2004 - word lists read best as running text; quotation marks of several languages are meant

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(r"#?[^\W_]+(?:['’\-][^\W_]+)*['’]?|[.…!?]+|[,;:()\[\]{}\"“”„«»‘’—–]|-(?=\s)")
_OPENING = {"“": "”", "„": "“", "«": "»", "‘": "’"}
_CLOSING = frozenset('"”’»“)')
_SENTENCE_END = frozenset(".…!?")
_WITH_DOT = frozenset(("mr", "mrs", "ms", "dr", "st", "no", "vs", "etc", "sr", "sra", "bzw", "ca", "approx"))

_FUNCTION_WORDS = {
    "en": "they them their us it's is has had do does did may might must can only when how each every any some no so if than then just into out up he she his her my me its there these those which because but or one about after before the of and to is are was that it for with not be this on as they have should would could will what who let from at by but an a in our we you i my nobody".split(),
    "es": "a vamos lo nuestras hemos han fue son tenemos ella ellas mi me si cada todo todos ya muy puede debe hay o te qué el la los las de que y en un una es por con no para se lo su al del como más pero nos ni sin yo nosotros ellos quien quién nuestro nuestra nuestros son está".split(),
    "fr": "doit doivent peut peuvent faut fait chez cet donc a ne rien leur leurs y se me tout si ou mon ma ont a cette ces être le la les des de et est que qui un une pour pas ne dans ce nous vous ils elle sur avec au aux du son sa ses nos notre c'est n'est qu'il sont il je on".split(),
    "de": "muss müssen kann können doch mehr diese dieser haben uns bleiben sollen davon wollen dürfen dem einem einen einer oder aber nur noch schon so wenn mich uns ihr ihre hat haben bei aus an nach über sein war der die das und ist nicht ein eine wir sie es zu den dem mit von für auf dass auch sich wer soll kein keine ohne unsere unser unseren des im wird sind ich".split(),
}
_LANGUAGE_OF: dict[str, tuple[str, ...]] = {
    word: tuple(language for language, words in _FUNCTION_WORDS.items() if word in words)
    for listed in _FUNCTION_WORDS.values()
    for word in listed
}


class Token(NamedTuple):
    """A word or a mark, with its place in the text."""

    word: str
    """The word in lower case with straight apostrophes, or the mark itself."""
    start: int
    """First character."""
    end: int
    """One past the last character."""
    is_word: bool
    """Whether it is a word and not a mark."""
    quoted: bool
    """Whether it stands between quotation marks."""


class Sentence(NamedTuple):
    """A run of tokens up to a full stop, question mark or exclamation mark."""

    tokens: tuple[Token, ...]
    """The tokens, closing mark included."""

    @property
    def is_question(self) -> bool:
        """Whether it ends in a question mark."""
        return bool(self.tokens) and "?" in self.tokens[-1].word


@dataclass(frozen=True, slots=True)
class Reading:
    """A text taken apart."""

    text: str
    """The text."""
    sentences: tuple[Sentence, ...]
    """Its sentences, in order."""
    language: str
    """The language it seems to be in: `en`, `es`, `fr`, `de`, or empty if none of them is recognised."""
    words: tuple[str, ...]
    """All words in order, marks left out."""
    lists: tuple[bool, ...]
    """For each sentence whether it is a mere list of words."""


_BIT = {language: 1 << place for place, language in enumerate(_FUNCTION_WORDS)}
_CONTRACTED = 1 << len(_BIT)
_MASK = {word: sum(_BIT[language] for language in languages) for word, languages in _LANGUAGE_OF.items()}
"""For each function word the languages it holds together, as bits."""
_ELIDED = frozenset(("l", "d", "n", "c", "qu", "j", "s"))
_new = tuple.__new__


@lru_cache(maxsize=1024)
def read(text: str) -> Reading:
    """Take a text apart; the last thousand readings are remembered."""
    tokens, masks = _tokens(text)
    language = _language(tokens, masks)
    sentences = _sentences(tokens)
    words = tuple([token.word for token in tokens if token.is_word])
    return Reading(text, sentences, language, words, _lists(sentences, masks, language))


def is_function_word(word: str, language: str) -> bool:
    """Whether a word holds sentences of the language together; in an unknown language every word may."""
    return not language or language in _LANGUAGE_OF.get(word, ()) or "'" in word


def _lists(sentences: tuple[Sentence, ...], masks: list[int], language: str) -> tuple[bool, ...]:
    """Tell for each sentence whether it is a mere list of words: hardly any function word or ending holds it together."""
    wanted = _BIT[language] | _CONTRACTED if language else 0
    found: list[bool] = []
    place = 0
    for sentence in sentences:
        words = linking = marks = 0
        tagged = False
        for token in sentence.tokens:
            if token.is_word:
                words += 1
                if not language or masks[place] & wanted:
                    linking += 1
                if token.word[0] == "#":
                    tagged = True
                place += 1
            elif token.word in _LIST_MARKS:
                marks += 1
        found.append(words < 2 or tagged or (linking < 0.12 * words and (words > 4 or marks >= words / 3)))
    return tuple(found)


_LIST_MARKS = frozenset((",", ";", "!"))


def _tokens(text: str) -> tuple[list[Token], list[int]]:
    """Return the words and marks, and for each word the languages in which it is a function word."""
    tokens: list[Token] = []
    masks: list[int] = []
    closing = ""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    straight = lower.replace("’", "'") if "’" in lower else lower
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        word = straight[start:end]
        if word[0].isalnum() or word[0] == "#":
            if word[-1] == "'":
                word = word[:-1]
                end -= 1
                if closing == "’" and text[end] == "’":
                    tokens.append(_new(Token, (word, start, end, True, True)))
                    masks.append(_MASK.get(word, 0) | (_CONTRACTED if "'" in word else 0))
                    closing = ""
                    continue
            tokens.append(_new(Token, (word, start, end, True, closing != "")))
            masks.append(_MASK.get(word, 0) if "'" not in word else _MASK.get(word, 0) | _CONTRACTED)
            continue
        piece = text[start:end]
        if closing and piece == closing:
            closing = ""
        elif not closing and piece in _OPENING and _closes(text, end, _OPENING[piece]):
            closing = _OPENING[piece]
        elif not closing and piece == '"' and '"' in text[end:]:
            closing = '"'
        tokens.append(_new(Token, (piece, start, end, False, closing != "")))
    return tokens, masks


def _closes(text: str, start: int, mark: str) -> bool:
    return mark in text[start:]


def _sentences(tokens: list[Token]) -> tuple[Sentence, ...]:
    sentences: list[Sentence] = []
    current: list[Token] = []
    for index, token in enumerate(tokens):
        current.append(token)
        if token.is_word:
            continue
        if token.word[0] not in _SENTENCE_END:
            if index and token.word in _CLOSING and tokens[index - 1].word[0] in _SENTENCE_END:
                sentences.append(Sentence(tuple(current)))
                current = []
            continue
        before = tokens[index - 1] if index else None
        if token.word == "." and before and (before.word in _WITH_DOT or _inside_number(tokens, index)):
            continue
        if index + 1 < len(tokens) and tokens[index + 1].word in _CLOSING and tokens[index + 1].start == token.end:
            continue
        sentences.append(Sentence(tuple(current)))
        current = []
    if current:
        sentences.append(Sentence(tuple(current)))
    return tuple(sentences)


def _inside_number(tokens: list[Token], index: int) -> bool:
    if index + 1 >= len(tokens):
        return False
    before, after = tokens[index - 1], tokens[index + 1]
    return before.word[-1].isdigit() and after.word[0].isdigit() and before.end + 1 == after.start


def _language(tokens: list[Token], masks: list[int]) -> str:
    counts: dict[int, int] = {}
    for mask in masks:
        if mask:
            counts[mask] = counts.get(mask, 0) + 1
    words = len(masks)
    votes = dict.fromkeys(_BIT, 0.0)
    for mask, count in counts.items():
        held = [language for language, bit in _BIT.items() if mask & bit]
        for language in held:
            votes[language] += count / len(held)
    if any(mask & _CONTRACTED for mask in counts):
        votes["fr"] += sum("'" in token.word and token.word not in _MASK and token.word.split("'")[0] in _ELIDED for token in tokens)
    best = max(votes, key=votes.__getitem__)
    if votes[best] == 0:
        return "en" if all(token.word.isascii() for token in tokens if token.is_word) else ""
    return best if words < 6 or votes[best] >= 0.08 * words else ""
