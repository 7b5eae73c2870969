"""Minutes of secret ballots: the figures stay, and who cast which ballot goes. The record still holds it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from mallku.dialogue.verdict import Verdict
from mallku.firecircle.decisions import shown_verdict
from mallku.firecircle.minutes.values import BallotMinutes, CastBallot, Claim, Minutes

A_VOTER = "A voter"


def concealed(minutes: Minutes) -> Minutes:
    """Return the minutes without anything that tells who voted how: names, reasons, changes, links to ballots."""
    hidden = {cast.turn for ballot in minutes.ballots for cast in ballot.cast}
    hidden |= {turn for claim in minutes.dissent for turn in claim.turns}

    def unlinked(claims: Sequence[Claim]) -> tuple[Claim, ...]:
        kept = (claim for claim in claims if not (claim.seat and hidden & set(claim.turns)))
        return tuple(replace(claim, turns=tuple(turn for turn in claim.turns if turn not in hidden)) for claim in kept)

    note = Claim(text="The ballots were secret: these minutes do not show who cast which. The record holds it.")
    return replace(
        minutes,
        secret_ballots=True,
        outcome=unlinked(minutes.outcome),
        agreed=unlinked(minutes.agreed),
        open_points=unlinked(minutes.open_points),
        caveats=(*unlinked(minutes.caveats), note),
        dissent=tuple(Claim(text=claim.text, seat=A_VOTER) for claim in minutes.dissent),
        arguments=tuple(replace(option, reasons_for=(), reasons_against=()) for option in minutes.arguments),
        changes=(),
        ballots=tuple(_ballot(ballot, minutes.record.seed) for ballot in minutes.ballots),
        verdict=_verdict(minutes.verdict),
        verdict_before=_verdict(minutes.verdict_before),
    )


def _verdict(verdict: Verdict | None) -> Verdict | None:
    return shown_verdict(verdict, "secret") if verdict else None


def _ballot(ballot: BallotMinutes, seed: int) -> BallotMinutes:
    drawn = sorted(ballot.cast, key=lambda cast: hashlib.sha256(f"{seed}/{ballot.stage}/{cast.seat}".encode()).hexdigest())
    return replace(
        ballot,
        cast=tuple(
            CastBallot(turn="", seat=f"ballot {number}", vote=cast.vote, reason="", confidence=None, weight=cast.weight, repaired=False)
            for number, cast in enumerate(drawn, 1)
        ),
        spoiled=tuple((turn, replace(spoiled, raw="")) for turn, spoiled in ballot.spoiled),
        verdict=_verdict(ballot.verdict),
    )
