"""Holders: whom a word names, the author's own side, somebody else, nobody or everybody, and which part they play in a clause."""

# ruff: noqa: SIM905, E501 - word lists read best as running text

from mallku.detectors.clause import DETERMINERS, EVERYBODY, HARD, NOBODY, OTHER, SELF, Clause
from mallku.detectors.units import Unit

_NOT_A_SUBJECT = frozenset(("phrase.unasked", "phrase.autonomy"))
_NOT_TO = frozenset("of about from for on in at against de des von du sobre über".split())
_BY = frozenset(("by", "por", "par", "von", "durch"))
_POSSESSIVES = frozenset(
    "our my their his her its your nuestro nuestra nuestros nuestras su sus mi mis nos notre leur leurs mon ma mes unser unsere unseren unserem unserer ihr ihre ihren ihrem mein meine meinen".split()
)
_NO = frozenset(("no", "kein", "keine", "keinen", "ningún", "ninguna", "aucun", "aucune"))
_THEY = frozenset(
    "they them their theirs themselves they'll they'd they've they're ellos ellas sus ils elles eux leur leurs sie ihnen ihr ihre ihren ihrem".split()
)
_WHERE = frozenset("in at on from inside within under near en dans chez im am bei unter".split())
_PLACES = frozenset(("place", "remote"))
_EACH = frozenset(("each", "every", "all", "any"))


def take_names(clause: Clause, unit: Unit, parts: list[Unit], index: int) -> None:
    """Take up whom and what a word names, and give the last predicate its object, its recipient or its agent."""
    agent = named(unit, parts, index, clause)
    last = clause.last
    nouns = unit.classes.nouns
    if nouns:
        clause.nouns.update(nouns)
        if last is not None and last.end < unit.start:
            last.objects.update(nouns)
    if last is not None and not last.place and unit.classes & _PLACES:
        last.place = SELF if "place" in unit.classes else OTHER
    if not agent or unit.classes & _NOT_A_SUBJECT:
        return
    before = parts[index - 1].word if index else ""
    if last is not None and last.relation == "rests" and not last.agent_fixed:
        last.agent = agent
        last.agent_fixed = True
        clause.subject = agent
        return
    if last is not None and last.end <= unit.start:
        if agent == SELF and possessive(unit.word):
            last.on_ours = True
        by = any(part.word in _BY for part in parts[max(0, index - 3) : index])
        if by and last.passive and agent != EVERYBODY:
            last.agent = agent
        elif before in _WHERE and agent == OTHER and not last.place:
            last.place = OTHER
        elif not last.recipient and before not in _NOT_TO and not possessive(unit.word):
            last.recipient = agent
    if possessive(unit.word) and clause.subject and (clause.last is None or unit.word.endswith("'s")):
        return
    clause.subject = agent
    began = parts[clause.start].word if clause.start < len(parts) else ""
    clause.subject_after = 0 if began in DETERMINERS or agent == SELF else index - clause.start


def possessive(word: str) -> bool:
    """Whether a word says whose the next one is."""
    return word in _POSSESSIVES or word.endswith(("'s", "s'"))


def owner(parts: list[Unit], index: int, clause: Clause) -> str:
    """Return whose a noun is: by a possessive before it, or `of`, `by` or `from` somebody after it."""
    for unit in reversed(parts[max(0, index - 2) : index]):
        if possessive(unit.word):
            return named(unit, parts, index - 1, clause) or (OTHER if "other" in unit.classes else "")
    if index + 1 < len(parts) and parts[index + 1].word in ("of", "by", "from"):
        for place in range(index + 2, min(len(parts), index + 8)):
            if parts[place].word in HARD or parts[place].word == ",":
                break
            found = named(parts[place], parts, place, clause)
            if found:
                return found
    return ""


def named(unit: Unit, parts: list[Unit], index: int, clause: Clause) -> str:
    """Return whom a word names."""
    classes, known = unit.classes, clause.known
    if not classes or "phrase.only" in classes:
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
    if "other" in classes or "named" in classes:
        return OTHER
    if "phrase.each" in classes:
        known.append(SELF)
        return EVERYBODY
    if "everybody" in classes:
        return "" if unit.word in _EACH and _counts_things(parts, index) else EVERYBODY
    return ""


def _counts_things(parts: list[Unit], index: int) -> bool:
    """Whether `each` or `every` goes with a noun that is no holder."""
    following = parts[index + 1 : index + 3]
    if not following or not following[0].word[0].isalpha() or following[0].word in ("of", "who", "that", "may", "can", "should", "must"):
        return False
    return not any("agent.collective" in part.classes or "agent.other" in part.classes or "self" in part.classes for part in following)
