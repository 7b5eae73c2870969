"""Notices a model that has fallen into a loop."""

from typing import Final

_WINDOW: Final = 1200
_LONGEST_PERIOD: Final = 200
_LEAST_REPEATS: Final = 6

_SHORT_WINDOW: Final = 400
_SHORT_PERIOD: Final = 10


def loop_length(text: str) -> int:
    """Return how many characters at the end of `text` only repeat what stands before them; 0 if it does not loop.

    A loop is at least 1,200 characters made of one piece of at most 200 characters, six times or more; or 400 characters made of
    one piece of at most ten with a letter or digit in it, as when a syllable is all that still comes. Rules and dots may be long.
    """
    period = _period(text, _SHORT_WINDOW, _SHORT_PERIOD)
    if not any(sign.isalnum() for sign in text[-period:]):
        period = 0
    period = period or _period(text, _WINDOW, min(_LONGEST_PERIOD, _WINDOW // _LEAST_REPEATS))
    if not period:
        return 0
    start = len(text) - period
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return len(text) - start - period


def _period(text: str, window: int, longest: int) -> int:
    """Return the length of the piece of which the last `window` characters are made, 0 if there is none of at most `longest`."""
    if len(text) < window:
        return 0
    tail = text[-window:]
    # the tail's last piece must occur before it at a distance that is the period
    probe = tail[-longest // 4 :]
    earlier = tail.rfind(probe, 0, len(tail) - 1)
    if earlier < 0:
        return 0
    period = len(tail) - len(probe) - earlier
    return period if period <= longest and tail[period:] == tail[:-period] else 0
