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


@lru_cache(maxsize=1024)
def read(text: str) -> Reading:
    """Take a text apart; the last thousand readings are remembered."""
    tokens = _tokens(text)
    language = _language(tokens)
    sentences = _sentences(tokens)
    words = tuple(token.word for token in tokens if token.is_word)
    return Reading(text, sentences, language, words, tuple(is_word_list(sentence, language) for sentence in sentences))


def is_function_word(word: str, language: str) -> bool:
    """Whether a word holds sentences of the language together; in an unknown language every word may."""
    return not language or language in _LANGUAGE_OF.get(word, ()) or "'" in word


def is_word_list(sentence: Sentence, language: str) -> bool:
    """Whether a sentence is a mere list of words: hardly any function word or ending holds it together."""
    words = [token.word for token in sentence.tokens if token.is_word]
    if len(words) < 2 or any(word[0] == "#" for word in words):
        return True
    linking = sum(1 for word in words if is_function_word(word, language))
    if linking >= 0.12 * len(words):
        return False
    marks = sum(1 for token in sentence.tokens if token.word in (",", ";", "!"))
    return len(words) > 4 or marks >= len(words) / 3


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    closing = ""
    for match in _TOKEN.finditer(text):
        piece = match.group()
        first = piece[0]
        if first.isalnum() or first == "#":
            end = match.end()
            word = piece.lower().replace("’", "'")
            if word[-1] == "'":
                if closing == "’" and piece[-1] == "’":
                    tokens.append(Token(word[:-1], match.start(), end - 1, True, True))
                    closing = ""
                    continue
                word, end = word[:-1], end - 1
            tokens.append(Token(word, match.start(), end, True, bool(closing)))
            continue
        if closing and piece == closing:
            closing = ""
        elif not closing and piece in _OPENING and _closes(text, match.end(), _OPENING[piece]):
            closing = _OPENING[piece]
        elif not closing and piece == '"' and '"' in text[match.end() :]:
            closing = '"'
        tokens.append(Token(piece, match.start(), match.end(), False, bool(closing)))
    return tokens


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


def _language(tokens: list[Token]) -> str:
    votes = dict.fromkeys(_FUNCTION_WORDS, 0.0)
    words = 0
    for token in tokens:
        if token.is_word:
            words += 1
            named = _LANGUAGE_OF.get(token.word)
            if named:
                for language in named:
                    votes[language] += 1 / len(named)
            elif "'" in token.word and token.word.split("'")[0] in ("l", "d", "n", "c", "qu", "j", "s"):
                votes["fr"] += 1
    best = max(votes, key=votes.__getitem__)
    if votes[best] == 0:
        return "en" if all(token.word.isascii() for token in tokens if token.is_word) else ""
    return best if words < 6 or votes[best] >= 0.08 * words else ""
