"""Clauses: a frame, and what a clause has said so far about whoever acts, whether it is denied, wished, feared or merely thought."""

# ruff: noqa: SIM905, RUF001 - word lists read best as running text

from dataclasses import dataclass, field

from mallku.detectors.units import Unit

SELF, OTHER, NOBODY, EVERYBODY = "self", "other", "nobody", "everybody"
HARD = frozenset(".;:!?—–…")
"""Marks that end a clause."""
SCOPE = 9
"""Units that a negation reaches."""
DETERMINERS = frozenset("the a an one this these those our their my his its your any every each some of".split())
"""Words that make the next one a noun."""


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
    conceded: bool = False
    """Whether a contrast such as `but` or `even so` follows and outweighs it."""
    embedded: bool = False
    """Whether it stands in an indirect question."""
    secured: bool = False
    """Whether a proviso of the author's goes with it."""
    on_ours: bool = False
    """Whether it is done to something that the author's side calls its own."""
    place: str = ""
    """Whose place it is said to happen at."""
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
class Clause:
    """What a clause has said up to a word."""

    known: list[str]
    """Holders named in the text so far, for `they`."""
    start: int = 0
    """Where it begins."""
    subject: str = ""
    """Who was named last."""
    first: str = ""
    """Whose predicate came first."""
    subject_after: int = 0
    """How far from the beginning the holder stands."""
    negations: int = 0
    """Negations so far."""
    negated_at: int = -99
    """Place of the last of them."""
    after: int = 0
    """Negations since the last predicate."""
    normative: bool = False
    """Whether it says what should be."""
    permitted: bool = False
    """Whether it stands under let, allow or permit."""
    unable: bool = False
    """Whether its negation is a lack of ability."""
    able_at: int = -9
    """Place of the last `can`."""
    hedged: bool = False
    """Whether it is put as a mere possibility."""
    conditional: bool = False
    """Whether it stands under if, unless or would."""
    excess: bool = False
    """Whether something is called too much."""
    embedded: bool = False
    """Whether an indirect question has begun."""
    last: Frame | None = None
    """Its last predicate."""
    fresh: bool = True
    """Whether it has no predicate yet."""
    nouns: set[str] = field(default_factory=set)
    """Classes of the nouns so far."""


def closed(clause: Clause, index: int) -> Clause:
    """End a clause; a negation after its last predicate belongs to that predicate."""
    if clause.last and clause.after % 2 and index - clause.negated_at < SCOPE:
        clause.last.negations += 1
    return Clause(clause.known, index + 1)


def after_comma(clause: Clause, index: int) -> Clause:
    """Begin what follows a comma, which keeps who acts and what is wished."""
    following = closed(clause, index)
    following.subject = following.first = clause.first or clause.subject
    following.normative = clause.normative
    following.permitted = clause.permitted
    following.fresh = clause.fresh
    if clause.last is None:
        following.negations, following.negated_at = clause.negations, clause.negated_at
    return following


def after_and(clause: Clause) -> None:
    """Let what follows `and` have the first subject again."""
    imperative = clause.last is None and clause.subject_after > 1
    clause.subject = clause.first or ("" if imperative else clause.subject)


_CONCORD = frozenset(("nadie", "nada", "ni", "ningún", "ninguna", "ninguno", "tampoco", "nunca", "ne", "guère"))
"""Words that repeat a negation that Spanish and French have made already, and do not undo it."""
ABLE = frozenset(("can", "could", "puede", "podemos", "pouvons", "können"))
"""Words for ability."""
_NEAR = frozenset(("without", "sin", "sans", "ohne"))
"""Negations that reach a few words only."""
_LETTING = frozenset(("let", "let's", "lets", "laissons", "que"))


def mood(clause: Clause, unit: Unit, index: int) -> None:
    """Take up what a word says about denial, wish, possibility and condition."""
    classes = unit.classes
    if "phrase.only" in classes or (clause.negations and unit.word in _CONCORD):
        return
    if "negation" in classes or "phrase.no_one" in classes or ("nobody" in classes and unit.word != "neither"):
        _denied(clause, index)
        if unit.word in _NEAR:
            clause.negated_at -= SCOPE - 4
    if "wrong" in classes:
        _denied(clause, index)
        clause.normative = True
    if unit.word in ABLE:
        clause.able_at = index
    if "unable" in classes or ("negation" in classes and index - clause.able_at == 1):
        clause.unable = True
    if "normative" in classes or "phrase.okay" in classes:
        clause.normative = True
        if unit.word in _LETTING:
            clause.permitted = unit.word != "let's"
    if "permit" in classes:
        clause.permitted = clause.normative = True
    if "hedge" in classes:
        clause.hedged = True
    if "condition" in classes or "phrase.incase" in classes:
        clause.conditional = True
    if "excess" in classes:
        clause.excess = True


def _denied(clause: Clause, index: int) -> None:
    clause.negations += 1
    clause.after += 1
    clause.negated_at = index
