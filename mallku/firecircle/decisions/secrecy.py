"""Secret and public ballots: what may be shown of a vote, and to whom."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from mallku.dialogue.verdict import Ballot, Secrecy, Verdict


def shown_ballots(ballots: Sequence[Ballot], secrecy: Secrecy, *, seed: int = 0) -> tuple[Ballot, ...]:
    """Return the ballots as others may see them.

    Secret ballots lose their voter's name, reason, confidence and silent labels (which give away an author), and lie in an order drawn by
    the seed. A weight stays, since the count needs it: where all weights differ, a secret ballot cannot hide who cast it.
    """
    if secrecy == "public":
        return tuple(ballots)
    drawn = sorted(ballots, key=lambda ballot: hashlib.sha256(f"{seed}/{ballot.seat}".encode()).hexdigest())
    return tuple(replace(ballot, seat=f"ballot {number}", reason="", confidence=None, silent=()) for number, ballot in enumerate(drawn, 1))


def shown_verdict(verdict: Verdict, secrecy: Secrecy) -> Verdict:
    """Return the verdict as others may see it: after a secret ballot the figures stay and the names of its sides go."""
    if secrecy == "public":
        return verdict
    figures = f"{len(verdict.support)} for the outcome, {len(verdict.dissent)} against, {len(verdict.abstained)} on no side."
    notes = tuple(note for note in verdict.notes if "was struck from" not in note)
    return replace(
        verdict,
        support=(),
        dissent=(),
        abstained=(),
        spoiled=tuple(replace(ballot, raw="") for ballot in verdict.spoiled),
        notes=(*notes, *((figures,) if verdict.option else ())),
    )
