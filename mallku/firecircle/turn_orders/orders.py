"""The turn orders by name."""

import difflib
import re
from typing import Final

from mallku.errors import ConfigurationError
from mallku.firecircle.turn_orders.bidding import bidding
from mallku.firecircle.turn_orders.in_turn import least_heard, round_robin, seeded_shuffle
from mallku.firecircle.turn_orders.naming import facilitated_by, talking_stick
from mallku.firecircle.turn_orders.simultaneous import simultaneous
from mallku.firecircle.turn_orders.turn_order import TurnOrder

_PLAIN: Final = (
    TurnOrder(name="simultaneous", next_step=simultaneous),
    TurnOrder(name="round-robin", next_step=round_robin),
    TurnOrder(name="seeded-shuffle", next_step=seeded_shuffle),
    TurnOrder(name="least-heard", next_step=least_heard, fixed=False),
    TurnOrder(name="talking-stick", next_step=talking_stick, names_seats=True, fixed=False),
    TurnOrder(name="bidding", next_step=bidding, fixed=False),
)

ORDER_NAMES: Final = (*(order.name for order in _PLAIN), "facilitator(SEAT)")
"""Names that `turn_order` knows."""

_FACILITATOR: Final = re.compile(r"facilitator\(\s*(.+?)\s*\)")


def turn_order(name: str) -> TurnOrder:
    """Return the order with this name, such as `round-robin` or `facilitator(Ada)`."""
    word = name.strip()
    for order in _PLAIN:
        if order.name == word.lower().replace("_", "-").replace(" ", "-"):
            return order
    facilitator = _FACILITATOR.fullmatch(word)
    if facilitator:
        return TurnOrder(name=word, next_step=facilitated_by(facilitator[1]), names_seats=True, fixed=False)
    near = difflib.get_close_matches(word, ORDER_NAMES, n=1)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    raise ConfigurationError(f"There is no turn order {name!r}.", hint=f"{meant}The orders are {', '.join(ORDER_NAMES)}.")
