"""Quorum: how many seats must cast a valid ballot for an outcome to count."""

from math import ceil

from mallku.errors import ConfigurationError


def ballots_needed(quorum: float | None, seats: int) -> int:
    """Return the ballots needed: an int is a number of ballots, a float up to 1.0 a share of the seats, rounded up."""
    if quorum is None:
        return 0
    if isinstance(quorum, int):
        if quorum >= 0 and not isinstance(quorum, bool):
            return quorum
    elif 0.0 <= quorum <= 1.0:
        # A share such as 0.6 of 5 seats is 3 ballots; binary rounding must not make it 4.
        return ceil(round(quorum * seats, 9))
    raise ConfigurationError(
        f"The quorum is {quorum!r}.",
        hint="Give a number of ballots, such as 3, or a share of the seats with a decimal point, such as 0.5.",
    )
