"""Ties: how one of several equal options is taken, by a rule stated beforehand."""

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from mallku.dialogue.transcript import Option
from mallku.dialogue.verdict import Ballot
from mallku.errors import ConfigurationError
from mallku.firecircle.decisions.figures import listed
from mallku.firecircle.decisions.preference import order_of

TIE_BREAKS: Final = ("seeded", "listed", "none", "casting(SEAT)")
"""Ways to break a tie: by the seed, the option listed first, not at all, or by the casting vote of one seat."""

_CASTING: Final = re.compile(r"casting\((.+)\)")


def check_tie_break(tie_break: str, seats: Sequence[str] = ()) -> None:
    """Refuse a way to break ties that does not exist, or the casting vote of somebody who is not among `seats`, where these are given."""
    casting = _CASTING.fullmatch(tie_break)
    if tie_break not in TIE_BREAKS[:3] and not casting:
        raise ConfigurationError(f"There is no tie-break {tie_break!r}.", hint=f"Use one of {', '.join(TIE_BREAKS)}.")
    if casting and seats and casting[1] not in seats:
        raise ConfigurationError(f"The tie-break names {casting[1]!r}, who has no seat.", hint=f"The seats are {', '.join(seats)}.")


def break_tie(tied: Sequence[str], options: Sequence[Option], ballots: Sequence[Ballot], *, tie_break: str, seed: int) -> tuple[str, str]:
    """Return the option taken, or an empty label, and a sentence that says how.

    `seeded` takes the label with the smallest SHA-256 of `SEED/LABEL`: every option has the same chance over all seeds, and anybody can
    check the draw. A casting vote that does not prefer one of the tied options leaves the draw to the seed.
    """
    check_tie_break(tie_break)
    if tie_break == "none":
        return "", f"{listed(tied)} are tied, and the tie is left standing"
    if tie_break == "listed":
        first = next(option.label for option in options if option.label in tied)
        return first, f"{listed(tied)} were tied; {first} is listed first"
    casting = _CASTING.fullmatch(tie_break)
    if casting:
        seat = casting[1]
        preferred = [label for ballot in ballots if ballot.seat == seat for label in _preferred(ballot, tied)]
        if len(preferred) == 1:
            return preferred[0], f"{listed(tied)} were tied; the casting vote of {seat} goes to {preferred[0]}"
    drawn = min(tied, key=lambda label: hashlib.sha256(f"{seed}/{label}".encode()).hexdigest())
    undecided = f" and the casting vote of {casting[1]} does not decide" if casting else ""
    return drawn, f"{listed(tied)} were tied{undecided}; {drawn} has the smallest SHA-256 of 'seed/label' with seed {seed}"


def _preferred(ballot: Ballot, tied: Sequence[str]) -> tuple[str, ...]:
    """Return those of the tied options that the ballot puts first, unless it puts none of them above another."""
    tiers = order_of(ballot, tied)
    return tiers[0] if len(tiers) > 1 or len(tied) == 1 else ()
