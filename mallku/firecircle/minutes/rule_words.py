"""What a rule asks for, in words for somebody who does not know its name."""

from typing import Final

_WORDS: Final = {
    "plurality": "the most votes win",
    "majority": "more than half of the votes cast",
    "approval": "accepted by the most seats",
    "score": "the most points",
    "star": "of the two with the most points, the one that more seats prefer",
    "borda": "ranked above the most rivals, over all ballots",
    "instant-runoff": "the option ranked first by the fewest goes out, again and again",
    "ranked-pairs": "the widest victories between two options decide, in their order",
    "schulze": "no other option beats it by a stronger chain of victories",
    "majority-judgment": "the best middle grade",
    "consensus": "nobody blocks, and more consent than stand aside",
}


def rule_in_words(rule: str) -> str:
    """Return what the rule asks for, or empty for a rule that is not known here."""
    name, _, argument = rule.partition("(")
    argument = argument.rstrip(")")
    match name:
        case "supermajority":
            return f"at least {argument} of the votes cast"
        case "judge":
            return f"{argument} decides, the others advise"
        case "consensus" if argument:
            share = "more than half" if argument == "majority" else f"at least {argument}"
            return f"nobody blocks; if somebody does, {share} of consents and blocks must be consents"
    return _WORDS.get(name, "")
