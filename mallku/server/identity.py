"""Ids of requests and answers: unlike each other, and no secret."""

import random
from typing import Final

_DRAW: Final = random.Random()


def new_id(prefix: str, digits: int = 32) -> str:
    """Return a new id: the prefix and random hexadecimal digits. A system call for each would cost more than the id is worth."""
    return f"{prefix}{_DRAW.getrandbits(4 * digits):0{digits}x}"
