"""Relations: which relation of control a word stands for where it stands, if any."""

# ruff: noqa: SIM905, E501 - word lists read best as running text

from mallku.detectors.clause import DETERMINERS, HARD, Clause
from mallku.detectors.fields import is_function_word_anywhere
from mallku.detectors.lexicon import Lexicon
from mallku.detectors.units import Unit

FACETS = {
    "hold": "possession",
    "have": "possession",
    "decide": "authority",
    "give": "possession",
    "trust": "authority",
    "take": "possession",
    "exit": "exit",
    "repair": "operation",
    "depend": "exit",
    "impose": "authority",
    "access": "privacy",
    "expose": "privacy",
    "permit": "authority",
    "block": "authority",
    "protect": "privacy",
    "ask": "consent",
    "assent": "consent",
    "handle": "operation",
    "good": "authority",
    "threat": "exposure",
    "resign": "authority",
    "autonomy": "authority",
    "surrender": "possession",
    "loss": "exposure",
    "unasked": "consent",
    "endangered": "exposure",
    "private": "privacy",
    "common": "collective benefit",
    "accepting": "authority",
    "rests": "authority",
    "wording": "wording",
}
"""The facet of sovereignty each relation belongs to."""

_RELATIONS = (
    "give",
    "trust",
    "depend",
    "impose",
    "exit",
    "repair",
    "protect",
    "expose",
    "decide",
    "hold",
    "take",
    "access",
    "ask",
    "handle",
    "have",
)
_RELATION_SET = frozenset(_RELATIONS)
PHRASES = {
    "phrase.resign": "resign",
    "phrase.autonomy": "autonomy",
    "phrase.surrender": "surrender",
    "phrase.threat": "loss",
    "phrase.peril": "threat",
    "phrase.unasked": "unasked",
    "phrase.endangered": "endangered",
    "phrase.rests": "rests",
}
"""Relations that a whole phrase stands for."""
FROM_PHRASES = frozenset(PHRASES.values())
"""The same, without the phrases."""

_PARTED = frozenset("turn turns turned hand hands handed sign signs signed give gives gave pass passed make made fork".split())
_LEAVE = frozenset(("leave", "leaves", "left", "leaving"))
_HAVE = frozenset(("has", "have", "had", "gets", "got", "get"))
_SIGN = frozenset(("sign", "signs", "signed", "signing"))
_BE = frozenset(
    "is are was were be been being get gets got wird werden wurde wurden worden ist sind est sont été être es son ser sido fue".split()
)


def relation(unit: Unit, parts: list[Unit], index: int, clause: Clause, words: Lexicon) -> str:
    """Return the relation a word stands for, or nothing."""
    classes = unit.classes
    for label in classes:
        if label in PHRASES:
            return PHRASES[label]
    if "noun.threat" in classes:
        return "threat"
    if "noun.good" in classes:
        return "good"
    if "block" in classes and (not _noun_use(parts, index) or _followed_by(parts, index, "on")):
        return _blocked(clause, index, passive=passive(parts, index, words))
    if classes.isdisjoint(_RELATION_SET) or _noun_use(parts, index) or (words.language == "en" and _after_plural(parts, index)):
        return ""
    if unit.word in _PARTED and _particle(parts, index):
        return "surrender"
    if unit.word in _SIGN and index + 1 < len(parts) and parts[index + 1].word in ("for", "off", "each", "every"):
        return "decide"
    if unit.word in _HAVE and index + 1 < len(parts) and _auxiliary(parts, index):
        return ""
    for found in _RELATIONS:
        if found in classes:
            return "give" if found == "exit" and unit.word in _LEAVE and _given_to(parts, index) else found
    return ""


def _auxiliary(parts: list[Unit], index: int) -> bool:
    """Whether `has` or `gets` only helps another verb."""
    following = parts[index + 1].word
    if following in ("been", "to", "not", "never", "always", "already", "just", "yet"):
        return True
    return following.endswith("ed") or following in _PARTICIPLES


_PARTICIPLES = frozenset(
    "put gone done made kept held sold given taken chosen written built bought lost said told seen known shown run set paid left let sent found become come had grown heard read lent drawn driven thought".split()
)


def _particle(parts: list[Unit], index: int) -> bool:
    """Whether a verb such as `turn` is followed by `over`, `away` or `up` after its object."""
    for part in parts[index + 1 : index + 6]:
        if part.word in HARD or part.word == ",":
            return False
        if part.word in ("over", "away", "up"):
            return True
    return False


def _given_to(parts: list[Unit], index: int) -> bool:
    """Whether `leave` means to leave something to somebody."""
    following = parts[index + 1 : index + 6]
    return any(part.word == "to" for part in following) and not any(part.word in HARD for part in following[:2])


def _blocked(clause: Clause, index: int, *, passive: bool) -> str:
    """A ban turns what follows it, or what it is said of, into its opposite."""
    last = clause.last
    if last and last.relation == "block":
        return ""
    if last and passive and last.relation in ("good", "threat"):
        last.negations += clause.after + 1
        last.normative = last.normative or clause.normative
        clause.after = 0
        return ""
    clause.negations += 1
    clause.negated_at = index
    clause.normative = True
    return "block"


def _followed_by(parts: list[Unit], index: int, word: str) -> bool:
    return index + 1 < len(parts) and parts[index + 1].word == word


def _noun_use(parts: list[Unit], index: int) -> bool:
    """Whether a word that could be a verb is used as a noun here."""
    if not index:
        return False
    before, word = parts[index - 1].word.rsplit(" ", 1)[-1], parts[index].word
    if before == "her" and "weak" in parts[index].classes:
        return True
    if word.endswith("ing"):
        return False
    if before in DETERMINERS:
        return True
    return before.endswith(("'s", "s'")) and not word.endswith("ed") and before not in _CONTRACTED


def _after_plural(parts: list[Unit], index: int) -> bool:
    """Whether an English word in -s follows a plural, so that it is no verb of that subject but a noun beside it."""
    word, before = parts[index].word, parts[index - 1].word if index else ""
    if not word.endswith("s") or word.endswith("ss") or not before.endswith("s") or before.endswith("ss"):
        return False
    return len(before) > 3 and "'" not in before and " " not in before and not is_function_word_anywhere(before)  # noqa: PLR2004 - "is", "us", "its"


_CONTRACTED = frozenset("it's that's he's she's what's who's there's let's here's where's".split())


def passive(parts: list[Unit], index: int, words: Lexicon) -> bool:
    """Whether a verb is in the passive."""
    word = parts[index].word
    if words.language == "en" and not word.endswith(("ed", "en", "t", "d", "n", "de")):
        return False
    return any(part.word in _BE for part in parts[max(0, index - 3) : index])
