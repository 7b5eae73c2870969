"""The kinds of round, each with the words in which it is put to a participant."""

from typing import Final, Literal

RoundKind = Literal[
    "opening",
    "exploration",
    "reflection",
    "critique",
    "vision",
    "grounding",
    "clarification",
    "proposal",
    "evaluation",
    "synthesis",
    "consensus",
    "decision",
]
"""The phases a deliberation is made of."""

INSTRUCTIONS: Final[dict[RoundKind, str]] = {
    "opening": "Give your own first view of the question and your main reason for it. You have not heard the others yet.",
    "exploration": "Name one side of the question that nobody has looked at yet, and say why it matters.",
    "reflection": "Say what you have heard that changes or confirms your view. Name the person who said it.",
    "critique": "Take the strongest point of another participant, name that person, and say where it falls short.",
    "vision": "Describe how things would look in some years if the circle decides well.",
    "grounding": "Say what it would take in practice: who does what, with which means, by when.",
    "clarification": "Say in one sentence what is still unclear between you, and ask one person by name about it.",
    "proposal": "Make one concrete proposal that the circle could adopt.",
    "evaluation": "Weigh the proposals: name one strength and one weakness, and whose proposal it is.",
    "synthesis": "Bring together what was said into one concrete proposal that most could live with. Name whose points you use.",
    "consensus": "Say whether you can live with the proposal as it stands, and what small change would help.",
    "decision": "Say in one or two sentences how you will vote, and why.",
}
"""What each kind of round asks for. A plan may replace these words."""

EXCHANGE_INSTRUCTION: Final = "Answer a point that another participant made: name the person, say whether you agree, and give your reason."
"""What a round of exchange asks for in the default plan; its kind is `reflection`."""
