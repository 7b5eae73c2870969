"""Who speaks when: what happened in the round so far in, the next step out. Everything here is pure."""

from mallku.firecircle.turn_orders.floor import Ask, Floor, FloorAnswer, Limits, RoundOver, Speak, Step, TurnTaken
from mallku.firecircle.turn_orders.forms import read_floor_answer
from mallku.firecircle.turn_orders.limits import SpeakingShare, check_limits, speaking_shares
from mallku.firecircle.turn_orders.orders import ORDER_NAMES, turn_order
from mallku.firecircle.turn_orders.turn_order import TurnOrder

__all__ = [
    "ORDER_NAMES",
    "Ask",
    "Floor",
    "FloorAnswer",
    "Limits",
    "RoundOver",
    "Speak",
    "SpeakingShare",
    "Step",
    "TurnOrder",
    "TurnTaken",
    "check_limits",
    "read_floor_answer",
    "speaking_shares",
    "turn_order",
]
