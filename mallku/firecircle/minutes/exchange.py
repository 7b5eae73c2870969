"""The talk as a whole in the minutes: shares, uptake, who was never heard, and what of each seat's words reached the outcome."""

from collections.abc import Mapping

from mallku.detectors import Conversation, conversation, influence
from mallku.dialogue.verdict import Verdict
from mallku.firecircle.state import CONVENER, DeliberationState

_FEWEST = 2


def conversation_of(state: DeliberationState) -> Conversation | None:
    """Return the figures of the talk, the convener left out; None with fewer than two speakers."""
    said = [statement for statement in state.transcript.statements if statement.seat != CONVENER]
    if len({statement.seat for statement in said}) < _FEWEST:
        return None
    at_once = [index for index, opened in state.rounds.items() if opened.simultaneous]
    return conversation(said, at_once=at_once)


def influence_of(state: DeliberationState, verdict: Verdict | None) -> Mapping[str, float | None]:
    """Return by seat how much of what it said reached the text of the outcome.

    Where the outcome is one of the statements, only what was said before its round counts, so that nobody is found in their own words.
    """
    if verdict is None or not verdict.text.strip():
        return {}
    statements = [statement for statement in state.transcript.statements if statement.seat != CONVENER]
    own = next((statement.round_index for statement in statements if statement.text == verdict.text), None)
    before = [statement for statement in statements if own is None or statement.round_index < own]
    words: dict[str, list[str]] = {}
    for statement in before:
        words.setdefault(statement.seat, []).append(statement.text)
    return influence({seat: "\n".join(texts) for seat, texts in words.items()}, verdict.text)
