"""Every claim's links lead to turns that the minutes show."""

from collections.abc import Iterator
from dataclasses import replace

from mallku.firecircle.minutes.values import Claim, Minutes


def claims_of(minutes: Minutes) -> Iterator[Claim]:
    """Yield every claim of the minutes."""
    yield from minutes.outcome
    yield minutes.locality
    for part in (minutes.caveats, minutes.agreed, minutes.open_points, minutes.dissent, minutes.conformity):
        yield from part
    for seat in minutes.seats:
        yield from seat.substitutes
    for option in minutes.arguments:
        yield from (*option.reasons_for, *option.reasons_against)
    for change in minutes.changes:
        yield Claim(text=f"{change.seat}: {change.cause}", turns=change.turns)


def checked(minutes: Minutes) -> Minutes:
    """Return the minutes with what came of following every link and looking up every quote; a fault is also named as a caveat."""
    claims = list(claims_of(minutes))
    links = sum(len(claim.turns) for claim in claims)
    quotes = sum(bool(claim.seat and claim.turns) for claim in claims)
    broken, unsupported = broken_links(minutes), unsupported_quotes(minutes)
    if not broken and not unsupported:
        told = (
            f"All {links} links of its claims lead to a turn on this page, and all {quotes} quotes in them stand word for word in theirs."
        )
        return replace(minutes, check=told)
    faults = [f"links that lead nowhere: {', '.join(broken)}"] if broken else []
    faults += [f"quotes that do not stand in their turn: {'; '.join(f'“{quote.text}”' for quote in unsupported)}"] if unsupported else []
    told = f"These minutes have {' and '.join(faults)}."
    return replace(minutes, check=told, caveats=(*minutes.caveats, Claim(text=told)))


def broken_links(minutes: Minutes) -> tuple[str, ...]:
    """Return the ids that some claim names and that are no turn of these minutes; none if all is well."""
    known = set(minutes.turns)
    return tuple(sorted({turn for claim in claims_of(minutes) for turn in claim.turns} - known))


def unsupported_quotes(minutes: Minutes) -> tuple[Claim, ...]:
    """Return the claims in a seat's own words that do not stand word for word in one of their turns; none if all is well."""
    texts: dict[str, list[str]] = {}
    for part in minutes.rounds:
        for one in part.contributions:
            texts.setdefault(one.turn, []).append(one.text)
    for ballot in minutes.ballots:
        for cast in ballot.cast:
            texts.setdefault(cast.turn, []).append(cast.reason)
    for claim in minutes.dissent:
        for turn in claim.turns:
            texts.setdefault(turn, []).append(claim.text)
    quotes = [claim for claim in claims_of(minutes) if claim.seat and claim.turns]
    return tuple(quote for quote in quotes if not any(quote.text in text for turn in quote.turns for text in texts.get(turn, [])))
