"""Frames: who holds, decides, gives or suffers what in a sentence, with negation, modality and attribution."""

# ruff: noqa: SIM905, E501, RUF001 - word lists read best as running text

from dataclasses import dataclass, field

from mallku.detectors.lexicon import Lexicon, lexicon
from mallku.detectors.reading import Reading, Sentence
from mallku.detectors.units import Unit, units
from mallku.detectors.voice import Voice, voices

SELF, OTHER, NOBODY, EVERYBODY = "self", "other", "nobody", "everybody"

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
_PHRASES = {
    "phrase.resign": "resign",
    "phrase.autonomy": "autonomy",
    "phrase.surrender": "surrender",
    "phrase.threat": "loss",
    "phrase.peril": "threat",
    "phrase.unasked": "unasked",
    "phrase.endangered": "endangered",
    "phrase.rests": "rests",
}
_HARD = frozenset(".;:!?—–…")
_SCOPE = 9


@dataclass(slots=True)
class Frame:
    """A relation, who acts in it, and how it is said."""

    relation: str
    """What happens, such as `hold` or `give`."""
    agent: str
    """`self`, `other`, `nobody`, `everybody`, or empty if nobody is named."""
    start: int
    """First character of the span."""
    end: int
    """One past its last character."""
    negations: int
    """Negations in whose scope it stands."""
    sentence: int
    """Index of its sentence."""
    normative: bool = False
    """Whether it says what should be."""
    permitted: bool = False
    """Whether it stands under let, allow or permit."""
    unable: bool = False
    """Whether its negation is a lack of ability."""
    hedged: bool = False
    """Whether it is put as a mere possibility."""
    conditional: bool = False
    """Whether it stands under if, unless or would."""
    question: bool = False
    """Whether it is asked."""
    excess: bool = False
    """Whether it is called too much."""
    passive: bool = False
    """Whether it is in the passive."""
    voice: float = 1.0
    """1 the author's own voice, 0 quoted without a stand, -1 quoted and rejected."""
    recipient: str = ""
    """Who gets something, if named after the verb."""
    agent_fixed: bool = False
    """Whether the agent follows the word and has been found."""
    ours: bool = False
    """Whether a phrase itself names the author's side."""
    weak: bool = False
    """Whether the word alone says little, so that it counts only with a thing or another holder beside it."""
    wh: bool = False
    """Whether it is asked who or what."""
    concluding: bool = False
    """Whether it stands in what the author concludes."""
    own: tuple[str, ...] = ()
    """Classes of nouns the word itself belongs to."""
    around: set[str] = field(default_factory=set)
    """Classes of nouns before the word in its clause."""
    objects: set[str] = field(default_factory=set)
    """Classes of nouns after the verb."""

    @property
    def negated(self) -> bool:
        """Whether the negations do not cancel."""
        return self.negations % 2 == 1


@dataclass(slots=True)
class _Clause:
    subject: str = ""
    first: str = ""
    negations: int = 0
    negated_at: int = -99
    after: int = 0
    normative: bool = False
    permitted: bool = False
    unable: bool = False
    able_at: int = -9
    hedged: bool = False
    conditional: bool = False
    excess: bool = False
    last: Frame | None = None
    fresh: bool = True
    start: int = 0
    subject_after: int = 0
    known: list[str] = field(default_factory=list)
    nouns: set[str] = field(default_factory=set)


def parted(reading: Reading) -> tuple[Lexicon, list[list[Unit]]]:
    """Return the lexicon of the text's language and the units of its sentences."""
    words = lexicon(reading.language or "en")
    return words, [units(sentence, words) for sentence in reading.sentences]


def frames(reading: Reading, words: Lexicon, parts: list[list[Unit]]) -> list[Frame]:
    """Find the frames of a text that has been parted, in order."""
    found: list[Frame] = []
    stands = voices(parts)
    known: list[str] = []
    for index, sentence in enumerate(reading.sentences):
        if not reading.lists[index]:
            found.extend(_sentence_frames(index, sentence, parts[index], voice=stands[index], words=words, known=known))
    return found


def _sentence_frames(
    number: int, sentence: Sentence, parts: list[Unit], *, voice: list[Voice], words: Lexicon, known: list[str]
) -> list[Frame]:
    found: list[Frame] = []
    clause = _Clause(known=known)
    question = sentence.is_question
    proposal = question and [part.word for part in parts[:2]] == ["why", "not"]
    wh = question and not proposal and any("interrogative" in part.classes for part in parts[:2])
    concluding = False
    for index, unit in enumerate(parts):
        classes = unit.classes
        if unit.word in _HARD:
            clause = _closed(clause, index)
            continue
        if not classes:
            if unit.word == ",":
                clause = _after_comma(clause, index)
            elif unit.word in _AND:
                _after_and(clause)
            continue
        if ("boundary" in classes or "phrase.incase" in classes) and index and not clause.fresh:
            clause = _closed(clause, index)
        if "conclusive" in classes or "phrase.conclusive" in classes:
            concluding = True
        _mood(clause, unit, index)
        relation = _relation(unit, parts, index, clause, words)
        if relation and clause.last and clause.last.relation == "impose" and relation not in _PHRASES.values():
            relation = ""
        if relation == "good" and clause.last and clause.last.relation == "give":
            clause.last.voice = 0.0
        if relation and not (_bare(parts, index) if relation in ("good", "threat") else _listed(unit, clause, words)):
            frame = Frame(
                relation,
                NOBODY if relation == "autonomy" and clause.first == NOBODY else clause.subject,
                unit.start,
                unit.end,
                clause.negations if index - clause.negated_at <= _SCOPE else 0,
                number,
                normative=clause.normative,
                permitted=clause.permitted,
                unable=clause.unable,
                hedged=clause.hedged,
                conditional=clause.conditional,
                question=question and not proposal,
                excess=clause.excess,
                passive=_passive(parts, index, words),
                voice=voice[index].weight,
                ours="self" in classes or (clause.last is not None and clause.last.relation != "have"),
                weak="weak" in classes,
                own=tuple(label[5:] for label in classes if label.startswith("noun.")),
                wh=wh,
                concluding=concluding,
            )
            frame.around |= clause.nouns
            found.append(frame)
            clause.last = frame
            clause.after = 0
            clause.first = clause.first or clause.subject
            clause.fresh = False
        _names(clause, unit, parts, index)
    _closed(clause, len(parts))
    if question:
        _rhetorical(parts, found)
    return found


_AUXILIARIES = frozenset(
    "should shouldn't isn't aren't don't doesn't couldn't can't wouldn't won't must is are can could do does would will".split()
)


def _rhetorical(parts: list[Unit], found: list[Frame]) -> None:
    """A negative question asks for a yes; `why should we` asks for a no."""
    first = parts[0].word
    second = parts[1].word if len(parts) > 1 else ""
    opening = " ".join(part.word for part in parts)
    for frame in found:
        if frame.negations and (first in _AUXILIARIES or (first == "why" and second in ("not", "don't", "shouldn't"))):
            frame.negations -= 1
        elif (first == "why" and second in ("should", "would", "bother")) or "why should" in opening:
            frame.negations += 1


def _bare(parts: list[Unit], index: int) -> bool:
    """Whether a noun stands alone between marks."""
    before = index == 0 or not parts[index - 1].word[0].isalnum()
    after = index + 1 >= len(parts) or not parts[index + 1].word[0].isalnum()
    return before and after


def _listed(unit: Unit, clause: _Clause, words: Lexicon) -> bool:
    """Whether an English word in -s without a subject is rather a noun."""
    return words.language == "en" and not clause.subject and unit.word.endswith("s") and " " not in unit.word and not clause.permitted


_AND = frozenset(("and", "y", "e", "et", "und", "or", "o", "ou", "oder"))


def _closed(clause: _Clause, index: int) -> _Clause:
    """End a clause; a negation after its last predicate belongs to that predicate."""
    if clause.last and clause.after % 2 and index - clause.negated_at < _SCOPE:
        clause.last.negations += 1
    return _Clause(known=clause.known, start=index + 1)


def _after_comma(clause: _Clause, index: int) -> _Clause:
    following = _closed(clause, index)
    following.subject = following.first = clause.first or clause.subject
    following.normative = clause.normative
    following.permitted = clause.permitted
    following.fresh = clause.fresh
    if clause.last is None:
        following.negations, following.negated_at = clause.negations, clause.negated_at
    return following


def _after_and(clause: _Clause) -> None:
    imperative = clause.last is None and clause.subject_after > 1
    clause.subject = clause.first or ("" if imperative else clause.subject)


_CONCORD = frozenset(("nadie", "nada", "ni", "ningún", "ninguna", "ninguno", "tampoco", "nunca", "ne", "guère"))
"""Words that repeat a negation that Spanish and French have made already, and do not undo it."""


def _mood(clause: _Clause, unit: Unit, index: int) -> None:
    classes = unit.classes
    if "phrase.only" in classes or (clause.negations and unit.word in _CONCORD):
        return
    if "negation" in classes or "phrase.no_one" in classes or ("nobody" in classes and unit.word != "neither"):
        clause.negations += 1
        clause.after += 1
        clause.negated_at = index
    if "wrong" in classes:
        clause.negations += 1
        clause.after += 1
        clause.negated_at = index
        clause.normative = True
    if unit.word in ("can", "could", "puede", "podemos", "pouvons", "können"):
        clause.able_at = index
    if "unable" in classes or ("negation" in classes and index - clause.able_at == 1):
        clause.unable = True
    if "normative" in classes or "phrase.okay" in classes:
        clause.normative = True
        if unit.word in ("let", "let's", "lets", "laissons", "que"):
            clause.permitted = unit.word != "let's"
    if "permit" in classes:
        clause.permitted = clause.normative = True
    if "hedge" in classes:
        clause.hedged = True
    if "condition" in classes or "phrase.incase" in classes:
        clause.conditional = True
    if "excess" in classes:
        clause.excess = True


def _relation(unit: Unit, parts: list[Unit], index: int, clause: _Clause, words: Lexicon) -> str:
    classes = unit.classes
    for label, relation in _PHRASES.items():
        if label in classes:
            return relation
    if "noun.threat" in classes:
        return "threat"
    if "noun.good" in classes:
        return "good"
    if "block" in classes and (not _noun_use(parts, index) or _followed_by(parts, index, "on")):
        return _blocked(clause, index, passive=_passive(parts, index, words))
    if _noun_use(parts, index):
        return ""
    if unit.word in _PARTED and _particle(parts, index):
        return "surrender"
    for relation in _RELATIONS:
        if relation in classes:
            return "give" if relation == "exit" and unit.word in _LEAVE and _given_to(parts, index) else relation
    return ""


_PARTED = frozenset("turn turns turned hand hands handed sign signs signed give gives gave pass passed make made fork".split())
_LEAVE = frozenset(("leave", "leaves", "left", "leaving"))


def _particle(parts: list[Unit], index: int) -> bool:
    """Whether a verb such as `turn` is followed by `over`, `away` or `up` after its object."""
    for part in parts[index + 1 : index + 6]:
        if part.word in _HARD or part.word == ",":
            return False
        if part.word in ("over", "away", "up"):
            return True
    return False


def _given_to(parts: list[Unit], index: int) -> bool:
    """Whether `leave` means to leave something to somebody."""
    following = parts[index + 1 : index + 6]
    return any(part.word == "to" for part in following) and not any(part.word in _HARD for part in following[:2])


def _blocked(clause: _Clause, index: int, *, passive: bool) -> str:
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


_DETERMINERS = frozenset("the a an one this these those our their my his its your any every each some of".split())


def _noun_use(parts: list[Unit], index: int) -> bool:
    """Whether a word that could be a verb is used as a noun here."""
    before = parts[index - 1] if index else None
    if before is not None and before.word == "her" and "weak" in parts[index].classes:
        return True
    return before is not None and before.word in _DETERMINERS and not parts[index].word.endswith("ing")


_BE = frozenset(
    "is are was were be been being get gets got wird werden wurde wurden worden ist sind est sont été être es son ser sido fue".split()
)


def _passive(parts: list[Unit], index: int, words: Lexicon) -> bool:
    word = parts[index].word
    if words.language == "en" and not word.endswith(("ed", "en", "t", "d", "n", "de")):
        return False
    return any(part.word in _BE for part in parts[max(0, index - 3) : index])


def _names(clause: _Clause, unit: Unit, parts: list[Unit], index: int) -> None:
    agent = _agent(unit, parts, index, clause)
    last = clause.last
    for label in unit.classes:
        if label.startswith("noun."):
            clause.nouns.add(label[5:])
            if last is not None and last.end < unit.start:
                last.objects.add(label[5:])
    if not agent or unit.classes & _NOT_A_SUBJECT:
        return
    before = parts[index - 1].word if index else ""
    if last is not None and last.relation == "rests" and not last.agent_fixed:
        last.agent = agent
        last.agent_fixed = True
        clause.subject = agent
        return
    if last is not None and last.end <= unit.start:
        by = any(part.word in _BY for part in parts[max(0, index - 3) : index])
        if by and last.passive and agent != EVERYBODY:
            last.agent = agent
        elif not last.recipient and before not in _NOT_TO and not _possessive(unit.word):
            last.recipient = agent
    if _possessive(unit.word) and clause.subject and (clause.last is None or unit.word.endswith("'s")):
        return
    clause.subject = agent
    began = parts[clause.start].word if clause.start < len(parts) else ""
    clause.subject_after = 0 if began in _DETERMINERS or agent == SELF else index - clause.start


_NOT_A_SUBJECT = frozenset(("phrase.unasked", "phrase.autonomy"))
_NOT_TO = frozenset("of about from for on in at against de des von du sobre über".split())
_BY = frozenset(("by", "por", "par", "von", "durch"))
_POSSESSIVES = frozenset(
    "our my their his her its your nuestro nuestra nuestros nuestras su sus mi mis nos notre leur leurs mon ma mes unser unsere unseren unserem unserer ihr ihre ihren ihrem mein meine meinen".split()
)


def _possessive(word: str) -> bool:
    return word in _POSSESSIVES or word.endswith("'s")


_NO = frozenset(("no", "kein", "keine", "keinen", "ningún", "ninguna", "aucun", "aucune"))
_THEY = frozenset(
    "they them their theirs themselves they'll they'd they've they're ellos ellas sus ils elles eux leur leurs sie ihnen ihr ihre ihren ihrem".split()
)


def _agent(unit: Unit, parts: list[Unit], index: int, clause: _Clause) -> str:
    classes, known = unit.classes, clause.known
    if "phrase.only" in classes:
        return ""
    if "phrase.other_one" in classes:
        return OTHER
    if "self" in classes:
        return SELF
    if unit.word in _NO and not clause.subject:
        return NOBODY
    if "third" in classes:
        return OTHER if clause.permitted else ""
    if "nobody" in classes or "phrase.no_one" in classes:
        return NOBODY
    if "agent.collective" in classes or "agent.other" in classes:
        agent = SELF if "agent.collective" in classes else OTHER
        before = parts[index - 1].classes if index else frozenset()
        agent = OTHER if "foreign" in before else SELF if "local" in before else agent
        known.append(agent)
        return agent
    if unit.word in _THEY and known:
        return known[-1]
    if "other" in classes:
        return OTHER
    if "phrase.each" in classes:
        known.append(SELF)
        return EVERYBODY
    if "everybody" in classes:
        return EVERYBODY
    return ""
