"""The forms in which a seat is asked about the floor, and how its answers are read."""

from collections.abc import Sequence
from typing import Any, Final

from mallku.dialogue.ballot_form import last_json_object
from mallku.firecircle.turn_orders.floor import Ask, FloorAnswer

HIGHEST_BID: Final = 5
"""The most a seat can want the floor; 0 is silence."""

NOBODY: Final = "nobody"
"""The name that closes a round."""

_REASON: Final = {"type": "string", "maxLength": 200}


def ask_for_name(seat: str, names: Sequence[str], *, may_close: bool) -> Ask:
    """Ask a seat who speaks next."""
    choices = [*names, *([NOBODY] if may_close else [])]
    close = f' Answer "{NOBODY}" if all has been said.' if may_close else ""
    return Ask(
        seats=(seat,),
        kind="naming",
        names=tuple(names),
        may_close=may_close,
        instruction=(
            f"Name who speaks next: {', '.join(names)}. Choose whoever should be heard on what was said last.{close} "
            f'Answer only with JSON: {{"reason": "a few words", "next": "{choices[0]}"}}'
        ),
        schema=_schema("next", {"type": "string", "enum": choices}),
    )


def ask_for_bids(seats: Sequence[str]) -> Ask:
    """Ask seats how much they want to speak now."""
    return Ask(
        seats=tuple(seats),
        kind="bid",
        instruction=(
            f"Say how much you want to speak now, from 0 (I have nothing to add) to {HIGHEST_BID} (it must be said now). "
            'Silence is welcome. Answer only with JSON: {"reason": "a few words", "bid": 0}'
        ),
        schema=_schema("bid", {"type": "integer", "minimum": 0, "maximum": HIGHEST_BID}),
    )


def read_floor_answer(ask: Ask, seat: str, answer: str, *, after: int) -> FloorAnswer:
    """Read an answer. One that cannot be read names nobody or bids 0, and says what was wrong in `fault`.

    Args:
        ask: What was asked.
        seat: Who answered.
        answer: The answer as it came.
        after: Turns taken in the round when it was asked.
    """
    fields = last_json_object(answer) or {}
    reason = fields.get("reason")
    told = reason.strip() if isinstance(reason, str) else ""
    if ask.kind == "bid":
        bid = fields.get("bid")
        if isinstance(bid, int) and not isinstance(bid, bool) and 0 <= bid <= HIGHEST_BID:
            return FloorAnswer(seat=seat, after=after, kind="bid", bid=bid, reason=told)
        return FloorAnswer(seat=seat, after=after, kind="bid", fault=_fault("bid", bid, fields, f"0 to {HIGHEST_BID}"))
    named = fields.get("next")
    if isinstance(named, str) and named.strip() in ask.names:
        return FloorAnswer(seat=seat, after=after, kind="naming", named=named.strip(), reason=told)
    if ask.may_close and named == NOBODY:
        return FloorAnswer(seat=seat, after=after, kind="naming", reason=told)
    allowed = ", ".join([*ask.names, *([NOBODY] if ask.may_close else [])])
    return FloorAnswer(seat=seat, after=after, kind="naming", fault=_fault("next", named, fields, allowed))


def _schema(name: str, value: dict[str, Any]) -> dict[str, Any]:
    properties = {"reason": _REASON, name: value}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _fault(name: str, value: object, fields: dict[str, Any], allowed: str) -> str:
    return f"`{name}` is {value!r}; it must be one of {allowed}" if fields else "the answer holds no JSON object"
