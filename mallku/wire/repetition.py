"""Notices a model that has fallen into a loop."""

from typing import Final

_WINDOW: Final = 1200
_LONGEST_PERIOD: Final = 200
_LEAST_REPEATS: Final = 6


def loop_length(text: str) -> int:
    """Return how many characters at the end of `text` only repeat what stands before them; 0 if it does not loop.

    A loop is at least 1,200 characters made of one piece of at most 200 characters, six times or more.
    """
    if len(text) < _WINDOW:
        return 0
    tail = text[-_WINDOW:]
    # the tail's last piece must occur before it at a distance that is the period
    probe = tail[-_LONGEST_PERIOD // 4 :]
    earlier = tail.rfind(probe, 0, len(tail) - 1)
    if earlier < 0:
        return 0
    period = len(tail) - len(probe) - earlier
    if period > _LONGEST_PERIOD or _WINDOW // period < _LEAST_REPEATS:
        return 0
    if tail[period:] != tail[:-period]:
        return 0
    start = len(text) - _WINDOW
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return len(text) - start - period
