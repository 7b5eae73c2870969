"""Conversational acts in the wording of a statement: asking, opposing, conceding, offering, giving reasons, mere thanks."""

# ruff: noqa: SIM905, E501 - word lists read best as running text

import re
from typing import NamedTuple

from mallku.detectors.reading import Reading

_PATTERNS = {
    "offer": r"\b(?:i can|i could|i'll|i will|i would|i'd|we could|could we|can we|let's|let us|shall we|what if|how about|what about|why not|suppose|let the|would be enough|is enough for|i have measured|i measured|i counted|i tried|i will test|one could|might we|podemos|podríamos|y si|mejor que|puedo|propongo|nous pouvons|on pourrait|et si|je peux|je propose|wir können|wir könnten|ich kann|wie wäre|was wäre)\b",
    "concession": r"\b(?:is right|are right|you're right|you are right|was right|has a point|have a point|good point|fair point|point taken|is true that|true,|granted|i agree|agreed|i grant|i admit|fair enough|settles it|is kind|well said|convinced me|i was wrong|i take back|tiene razón|de acuerdo|a raison|d'accord|hat recht|stimmt|einverstanden)\b",
    "opposition": r"(?:^|[.!?;]\s*)(?:no|nein|non|but|pero|mais|aber|not so|wrong|hardly|never)\b|\b(?:i don't think|i do not think|i doubt|i disagree|that is not|that's not|it isn't|it is not|isn't the|rather than|instead|actually|i'd rather|i would rather|however|on the contrary|still a|not because|is too long|are too many)\b",
    "reason": r"\b(?:because|since|so that|therefore|that is why|hence|otherwise|due to|for what|thanks to|reason|means that|which means|then whose|porque|para que|puesto|parce que|car|puisque|weil|denn|damit|deshalb)\b|;|—|\bso\b(?! much| many| long)",
    "condition": r"\b(?:if|unless|as long as|provided|once|until|when|only|first|then|si|hasta|jusqu'à|wenn|bis|erst)\b",
    "thanks": r"\b(?:thank you|thanks|i hear you|hear you both|great points?|lovely points?|good points|insightful|well put|appreciate|wonderful ideas?|great idea|inspiring|sharing|gracias|merci|danke)\b",
    "first": r"\b(?:i|i'm|i'd|i'll|i've|my|me|mine|we|we'd|we'll|we've|our|ours|us|yo|mi|nosotros|nuestr\w+|je|nous|nos|notre|ich|wir|uns\w*|mein\w*)\b",
    "second": r"\b(?:you|your|yours|you're|tú|tu|usted|vous|votre|du|dein\w*|euch)\b",
    "number": r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|ninety|hundred|thousand|half|twice|double|dos|tres|deux|trois|zwei|drei)\b",
    "summary": r"\b(?:so the question is|the question is|we are talking about|the topic is|in short|to sum up|in summary|summari[sz]e|you both|both of you|arguments for)\b",
    "modal": r"\b(?:should|must|could|would|might|may|can|need|shall|ought|debe\w*|doit|devrait|soll\w*|muss|kann)\b",
}
_COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS.items()}
_DEICTIC = frozenset(
    "that this those these then it it's they them their he she him her there such another both either which theirs its so one ones neither same the eso esto ese esa entonces ellos lo cela ça ce ils elle alors das dies diese dann sie es".split()
)
_OPENERS = frozenset(
    "no yes yeah right exactly agreed true then and but or so why who whose what how which where does is are was could would can maybe still sure oh another also too sí entonces y pero oui alors et mais ja nein dann und aber".split()
)


class Act(NamedTuple):
    """A conversational act found in a text."""

    name: str
    """Which act."""
    start: int
    """First character of the first place that shows it."""
    end: int
    """One past the last."""


def acts(text: str) -> dict[str, Act]:
    """Return the acts whose wording the text shows, by name."""
    found: dict[str, Act] = {}
    for name, pattern in _COMPILED.items():
        match = pattern.search(text)
        if match:
            found[name] = Act(name, match.start(), match.end())
    mark = text.find("?")
    if mark >= 0:
        found["question"] = Act("question", mark, mark + 1)
    return found


def pointing(reading: Reading) -> float:
    """Return how much the opening of a text points back at something said before, 0..1."""
    words = reading.words
    early = sum(1 for word in words[:7] if word in _DEICTIC and word != "the")
    anywhere = sum(1 for word in words if word in _DEICTIC)
    opener = 1.0 if words and words[0] in _OPENERS else 0.0
    return min(1.0, 0.35 * early + 0.1 * anywhere + 0.3 * opener)
