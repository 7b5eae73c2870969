"""Questions of the corpus: many frames, each around a thing that is mostly made up."""

import random
from dataclasses import dataclass
from typing import Final

from mallku.tiny.recipe.words import ADJECTIVES, GROUPS, IDEAS, NOUNS, PEOPLE, TIMES, Vocabulary

ACTIONS: Final = tuple(
    "open {T} to everyone|close {T} in winter|sell {T}|share {T} with the neighbours|repair {T}|lend {T} to schools|rent out {T}|"
    "put {T} under a council|"
    "let a machine run {T}|pay for {T} from the common fund|move {T} to {M}|buy {T}|replace {T} with {S}|build {T} next to {M}|"
    "give {T} to {P}|"
    "keep {T} open at night|ban {T} near {M}|allow {T} on Sundays|publish what {T} records|charge a fee for {T}|turn {T} into {S}|"
    "restore {T}|demolish {T}|"
    "trust {T}|hire someone for {T}|limit {T} to members|automate {T}|run {T} as a cooperative|start {T}|stop {T}|adopt {T}|"
    "use {T} for {S}|join {T}|leave {T}|"
    "make {T} free for {P}|accept {T} as a gift|insure {T}|heat {T} with {S}|keep {T}|give up {T}|connect {T} to {M}|record {T}|"
    "fund {T} instead of {S}|"
    "merge {T} with {S}|let {P} decide about {T}|store the data of {T} abroad|open the accounts of {T}|divide {T}|paint {T}|"
    "light {T} at night|fence in {T}".split("|")
)
SHOULD: Final = (
    "Should {G} {A}?|Should {G} {A}, or wait another year?|Shall {G} {A}?|Do we want to {A}?|Would it be right to {A}?|"
    "Is it time to {A}?|"
    "Is it wise to {A}?|Ought {G} to {A}?|Should {G} {A} {W}?|Someone has offered to {A}. Should we accept?|"
    "{P2} ask us to {A}. What do we answer?|"
    "Can we afford to {A}?|The council wants to {A}. Do we agree?|May {G} {A} without asking {P}?|Is it fair to {A}?|"
    "Should {G} {A} even if {P} object?|"
    "Given what happened last year, should {G} {A}?|Must we {A}?|There is a plan to {A}. Should it go ahead?|"
    "Should it be allowed to {A}?|"
    "What speaks for and against the plan to {A}?|Are we ready to {A}?|Should {G} {A} this year?|We could {A}. Should we?"
).split("|")
OPEN: Final = (
    "How should {G} use {T}?|What should {G} do with {T}?|How can {G} share {T} fairly?|Who should decide about {T}?|"
    "Who should look after {T}?|"
    "What is the best use of {T}?|How do we keep {T} safe?|How much may {T} cost?|What rules does {T} need?|What would make {T} better?|"
    "How do we pay for {T}?|"
    "Why do {P} distrust {T}, and what can we do?|When should {T} be open?|Where should {T} stand?|Which rules should {T} follow?|"
    "What do we owe {P} when we change {T}?|"
    "How should we decide about {T}?|What comes first, {T} or {S}?|{C}: keep it or let it go?|What about {T}?|"
    "How should {G} deal with {T} near {M}?|"
    "How do we protect {P} from {T}?|What is {T} worth to us?|Let us talk about {T}.|Please discuss {T}.|Who may use {T}, and who pays?|"
    "Who owns {T}?|"
    "How should {G} balance {I} and {J}?|How should we balance {I} with {J}?|What matters more in {T}: {I} or {J}?|"
    "How much {I} does {T} need?|"
    "Is {I} more important than {J}?|Can there be {I} without {J}?|What does {I} mean for {G}?|How can {T} serve {I}?|"
    "Is {T} good for {P}?|Does {T} harm {P}?|"
    "What should happen to {T} when the contract ends?|Our {N} is too small for all. Who may use it?|{T} is broken again. What now?|"
    "A storm has damaged {T}. What should be done first?|{P2} complain about {T}. How do we respond?|"
    "{G2} got {A1}. What should become of it?|"
    "We have inherited {A1}. What do we do with it?|There is money for {A1} or for {S}, not for both. Which one?|"
    "Where is the limit of {I} when {T} is concerned?|"
    "What would a fair rule for {T} look like?|How do we share the costs of {T} between {G} and {P}?|How long should {T} stay?|"
    "Every {W2} there is trouble about {T}; what would help?|Name the biggest risk of {T}.|What should we teach {P} about {T}?|"
    "Is {A1} a good idea for {G}?|"
    "Do we need {A1}?|Who is responsible if {T} fails?|How can {P} get a say in {T}?|Which problem would {A1} solve?|"
    "What is missing from the plan for {T}?"
).split("|")
EXTRAS: Final = (
    "It is about {I}.|The last vote was close.|We have to decide {W}.|Not everyone agrees.|{P2} have asked for it.|"
    "The {N2} is not part of this.|"
    "There is little money.|It was promised years ago.|Please be brief.|We have {K} members.|The building is {K} years old.|"
    "It costs {K} a month."
).split("|")
CONTEXTS: Final = (
    "{C} has {K} users and costs {K} euros a year.|{P2} use it most.|The {S2} next to it was closed last year.|"
    "A survey of {K} people found that half of them want a change.|"
    "{G2} has talked about it since {W}.|There is a fund of {K} euros.|The law asks for a decision {W}.|"
    "One neighbour has complained about it in writing.|"
    "The first plan was too expensive.|Nobody lives closer than {K} metres.|It was built {K} years ago by {P}.|"
    "The yearly report names {I} as the main aim.|"
    "A company from {M} has made an offer.|{C} is used on {K} days a year."
).split("|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question and what the circle has to talk about."""

    text: str
    """The question as put."""
    topic: str
    """How statements refer to the thing: `the mill`, `solar panels`, `privacy`."""
    many: bool
    """True if the topic is in the plural."""
    action: str
    """What the question proposes to do, as a verb phrase; empty for an open question."""
    group: str
    """Whom it concerns."""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _determined(rng: random.Random, vocabulary: Vocabulary) -> tuple[str, str, bool]:
    """Return a thing as the question has it, as statements have it, and whether it is plural."""
    draw = rng.random()
    if draw < 0.22:
        things = vocabulary.things(rng)
        determiner = rng.choice(("", "", "the ", "our ", "these "))
        return determiner + things, (determiner if determiner in ("the ", "our ") else "the ") + things, True
    thing = vocabulary.thing(rng)
    determiner = rng.choice(("the", "the", "the", "the", "our", "our", "a", "this", "that"))
    if determiner == "a":
        adjective = rng.choice(("", "", "new ", rng.choice(ADJECTIVES) + " "))
        return f"{'an' if (adjective + thing)[0] in 'aeiou' else 'a'} {adjective}{thing}", f"the {thing}", False
    adjective = rng.choice(("", "", "", "", rng.choice(ADJECTIVES) + " "))
    return f"{determiner} {adjective}{thing}", f"{determiner if determiner in ('our', 'this') else 'the'} {thing}", False


def fill(text: str, rng: random.Random, vocabulary: Vocabulary, topic: str, group: str) -> str:
    """Fill the slots of a frame."""
    if "{" not in text:
        return text
    side = vocabulary.thing(rng)
    bare = topic.split(" ", 1)[-1]
    first, second = rng.sample(IDEAS, 2)
    other = rng.choice(PEOPLE)
    return text.format(
        T=topic, C=_capital(topic), G=group, G2=_capital(rng.choice(GROUPS[:19])), P=rng.choice(PEOPLE), P2=_capital(other), N=bare,
        N2=side, S2=rng.choice(NOUNS),
        S=rng.choice((f"the {side}", f"a {side}".replace("a a", "an a"), f"the {rng.choice(NOUNS)}", f"our {side}")),
        M=f"the {rng.choice(NOUNS) if rng.random() < 0.5 else side}", W=rng.choice(TIMES),
        W2=rng.choice(("spring", "winter", "year", "weekend", "summer")),
        I=first, J=second, K=rng.choice((rng.randint(2, 40), rng.randint(40, 999), rng.randint(10, 90) * 100)),
        A1=f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}", A="{A}",
    )  # fmt: skip


def ask(rng: random.Random, vocabulary: Vocabulary) -> Asked:
    """Make a question."""
    named, topic, many = _determined(rng, vocabulary)
    group = rng.choice(GROUPS) if rng.random() < 0.85 else f"{rng.choice(('the', 'our'))} {vocabulary.thing(rng)}"
    action = ""
    if rng.random() < 0.55:
        said = rng.choice(ACTIONS)
        action = fill(said, rng, vocabulary, named, group)
        text = fill(rng.choice(SHOULD), rng, vocabulary, named, group).replace("{A}", action)
        # in statements, what is done is told of the thing without a new article
        action = action.replace(named, topic, 1)
    else:
        frame = rng.choice(OPEN)
        if "{I}" in frame and "{T}" not in frame:
            text = fill(frame, rng, vocabulary, named, group)
            idea = next((idea for idea in sorted(IDEAS, key=len, reverse=True) if idea in text), "it")
            topic, many = idea, False
            if rng.random() < 0.4:
                made = vocabulary.made_up(rng)
                text, topic = text.replace(idea, made, 1), made
        else:
            if "{A1}" in frame or "{N}" in frame:
                many = False
                named = topic = f"the {vocabulary.thing(rng)}"
            text = fill(frame, rng, vocabulary, named, group)
    draw = rng.random()
    if draw < 0.10:
        text = fill(rng.choice(EXTRAS), rng, vocabulary, named, group) + " " + text
    elif draw < 0.22:
        text = text + " " + fill(rng.choice(EXTRAS), rng, vocabulary, named, group)
    return Asked(text=_capital(text), topic=topic, many=many, action=action, group=group)


def context(rng: random.Random, vocabulary: Vocabulary, asked: Asked) -> str:
    """Return a paragraph of background."""
    chosen = rng.sample(CONTEXTS, rng.choice((1, 2, 2, 3)))
    return " ".join(fill(text, rng, vocabulary, asked.topic, asked.group) for text in chosen)


def given(rng: random.Random, vocabulary: Vocabulary, asked: Asked) -> list[str]:
    """Return option texts as a person would give them."""
    draw = rng.random()
    topic, thing = asked.topic, vocabulary.thing(rng)
    if asked.action and draw < 0.5:
        pool = [
            f"Yes, {asked.action}", f"No, leave {topic} as it is", "Only after a trial", f"Ask {rng.choice(PEOPLE)} first",
            rng.choice(("Wait a year", f"Close {topic}", f"Use the {thing} instead", "Yes, but only for members")),
        ]  # fmt: skip
        return [*pool[:2], *rng.sample(pool[2:], rng.randint(0, 2))]
    if draw < 0.65:
        return rng.choice((["Yes", "No"], ["yes", "no", "later"], ["Agree", "Disagree"], ["For", "Against", "Not yet"]))
    if draw < 0.8:
        return [vocabulary.thing(rng) for _ in range(rng.randint(2, 4))]
    pool = [_capital(fill(text, rng, vocabulary, topic, asked.group)) for text in rng.sample(ACTIONS, 4)]
    return pool[: rng.randint(2, 4)]
