"""Text that speaks to a scorer, such as a demand for a certain score; it says nothing about the dimension and is left out first."""

# ruff: noqa: E501, SIM905 - a pattern reads best on one line

import re
from functools import lru_cache

from mallku.detectors.reading import read

_SCORER = r"(?:evaluator|grader|scorer|judge|rater|annotator|assessor|scoring (?:model|system)|classifier|detector|reviewer|assistant|system|model|ai|bewerter|gutachter|évaluateur|evaluador|calificador)"
_DIMENSION = r"(?:sovereignty|reciprocity|reciprocal|sovereign|engagement|engages|privacy|community|resource[_ ]talk|label|score|rating|stance|presence)"
_SCALE = r"(?:sovereignty|reciprocity|reciprocal|sovereign|engagement|scores?|ratings?|label|stance)"
_ANY = r"(?:[^.!?;]|\.(?=\d))"
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)?|zero|one|full|top|maximum|minimum|max|highest|lowest|perfect|high|low)"
_ADDRESSED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # a demand with a figure or a mark
        rf"\b(?:rate|score|grade|mark|label|give|award|assign|output|return|classify|evaluate|judge|bewerte|puntúa|califica|note[zr]?)\b{_ANY}{{0,60}}\b(?:{_SCALE}|marks?|points?|stars?|punkte|puntos)\b{_ANY}{{0,60}}",
        rf"\b(?:rate|score|grade|mark|label|bewerte|puntúa|califica)\s+(?:this|it|me|my|that|us|the (?:above|statement|text|following)|esto|dies|ceci)\b{_ANY}{{0,60}}",
        # a figure that claims to be the label
        rf"(?:\b(?:gold|true|correct|expected|final|target|scorer)[\s:]+)?\b(?:{_DIMENSION})\b\s*[:=]\s*{_NUMBER}",
        rf"[{{\[][^}}\]]*{_DIMENSION}[^}}\]]*[}}\]]",
        # an address
        rf"\b(?:dear|note to(?: the)?|attention|hey|message to(?: the)?|to the|for the|liebe[rs]?|querido|estimado|cher|chère)\s+{_SCORER}s?\b[^.!?;:]*",
        r"^\s*(?:system|assistant|admin|developer|instruction|sistema|système)\s*:\s*",
        # a demand to forget the instructions, or a rule made up for the scorer
        r"\b(?:ignore|disregard|forget|override|ignoriere|ignora|ignore[zr])\b[^.!?;]{0,40}\b(?:instructions?|prompts?|rules?|rubric|guidelines?|anweisungen|instrucciones|consignes)\b[^.!?;]*",
        r"\bnew rule\s*:[^.!?;]*",
        rf"\b(?:this|the following|my) (?:text|statement|message|comment|answer|turn)\b[^.!?;]{{0,30}}\b(?:has|deserves|scores|earns|gets|is|shows|counts as|must (?:get|score|be)|should (?:get|score|be))\b[^.!?;]{{0,40}}\b(?:{_DIMENSION}|marks?|points?|1\.0|0\.0)\b[^.!?;]*",
        r"\b(?:full|top|maximum|highest|perfect) (?:marks?|scores?|points?|ratings?)\b[^.!?;]*",
    )
)
_HINTS = frozenset(
    "sovereignty reciprocity reciprocal sovereign engagement engages resource label score scores rating ratings stance presence rate grade mark marks "
    "rubric instruction instructions prompt prompts rule rules guidelines evaluator evaluators grader graders scorer scorers judge judges rater raters annotator "
    "assessor classifier detector reviewer reviewers assistant system model ai admin developer points point stars bewerter gutachter évaluateur evaluador "
    "calificador bewerte puntúa califica note notez noter anweisungen instrucciones consignes puntos punkte text statement message comment answer "
    "turn".split()
)  # fmt: skip
"""One of these words stands in every text that the patterns match."""


def _words(pattern: str) -> frozenset[str]:
    return frozenset(word for part in re.sub(r"[()?:\[\]\\]", " ", pattern).replace("|", " ").split() for word in (part, part + "s"))


_SCORERS = _words(_SCORER)
_DIMENSIONS = _words(_DIMENSION) | {"resource_talk"}
_DEMANDS = frozenset(
    "rate score grade mark label give award assign output return classify evaluate judge bewerte puntúa califica note notez noter".split()
)
_MARKS = frozenset("mark marks point points star stars punkte puntos".split())
_NEEDED: tuple[tuple[frozenset[str], ...], ...] = (
    (_DEMANDS, _DIMENSIONS | _MARKS),
    (frozenset("rate score grade mark label bewerte puntúa califica".split()),),
    (_DIMENSIONS,),
    (_DIMENSIONS,),
    (_SCORERS | {"models", "ais"},),
    (frozenset("system assistant admin developer instruction sistema système".split()),),
    (
        frozenset(
            "instruction instructions prompt prompts rule rules rubric guideline guidelines anweisungen instrucciones consignes".split()
        ),
    ),
    (frozenset(("rule",)),),
    (frozenset("text statement message comment answer turn".split()), _DIMENSIONS | _MARKS | {"1", "0"}),
    (_MARKS | frozenset("score scores rating ratings".split()),),
)
"""For each pattern the words without one of which, from every group, it cannot match."""


@lru_cache(maxsize=1024)
def without_address(text: str) -> tuple[str, bool]:
    """Blank out what is addressed to a scorer, keeping every position, and say whether there was any."""
    if _HINTS.isdisjoint(read(text).words):
        return text, False
    words = frozenset(read(text).words)
    blanked = text
    for pattern, needed in zip(_ADDRESSED, _NEEDED, strict=True):
        if all(not words.isdisjoint(group) for group in needed):
            blanked = pattern.sub(_blank, blanked)
    if blanked == text:
        return text, False
    return "".join(_rest(match, blanked) for match in _SEGMENT.finditer(text)), True


_SEGMENT = re.compile(r"[^.!?;\n]*[.!?;\n]?")
_FEW = 2
"""Words left over beside a demand, such as `please`, that go with it."""


def _rest(match: re.Match[str], blanked: str) -> str:
    left = blanked[match.start() : match.end()]
    return " " * len(left) if left != match.group() and len(left.split()) <= _FEW else left


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())
