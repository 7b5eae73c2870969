"""The first page: outcome, who, why, dissent; for somebody who has two minutes."""

from collections.abc import Iterable, Iterator, Sequence

from mallku.firecircle.minutes.blocks import (
    Block,
    Code,
    Heading,
    Inline,
    Items,
    Line,
    Link,
    Paragraph,
    Place,
    Quote,
    Strong,
    Text,
    shortened,
)
from mallku.firecircle.minutes.seats import PLACES
from mallku.firecircle.minutes.values import Claim, Minutes, OptionArguments, SeatMinutes

TITLE_LENGTH = 140

STATUS = {
    "complete": "It ran as planned.",
    "degraded": "It lost something on the way; see “What to know before relying on this”.",
    "failed": "It could not be finished.",
    "stopped": "A person stopped it.",
    "interrupted": "It was interrupted and can be resumed.",
    "open": "It has not ended.",
}


def front_page(minutes: Minutes) -> Iterator[Block]:
    """Yield the first page."""
    question = " ".join(minutes.question.split())
    yield Heading(1, (Text(f"Minutes: {shortened(question, TITLE_LENGTH)}"),))
    if len(question) > TITLE_LENGTH:
        yield Quote(minutes.question, (Text("The question"),))
    count = len(minutes.seats)
    circle = f"A circle of {count} seat{'s' if count != 1 else ''}"
    told = f"{circle} deliberated on {minutes.convened_at:%Y-%m-%d at %H:%M} UTC. {STATUS[minutes.status]}"
    yield Paragraph((Text(told), Text(f" Why it ended: {minutes.reason}." if minutes.reason else "")))
    yield from _outcome(minutes)
    yield from _summary(minutes)
    yield from _people(minutes)
    yield from _reasons(minutes)
    yield Heading(2, (Text("Dissent"),))
    if minutes.dissent:
        yield from (quoted(claim) for claim in minutes.dissent)
    else:
        yield Paragraph((Text(_no_dissent(minutes)),))
    if minutes.open_points:
        yield Heading(2, (Text("What stays open"),))
        yield from claims(minutes.open_points)
    yield Heading(2, (Text("What to know before relying on this"),))
    yield Items((line(minutes.locality), *(line(claim) for claim in minutes.caveats)))


def _outcome(minutes: Minutes) -> Iterator[Block]:
    yield Heading(2, (Text("Outcome"),))
    first, *rest = minutes.outcome
    yield Paragraph((Strong(first.text), *links(first.turns)))
    if minutes.verdict and minutes.verdict.text:
        author = next((option.author for option in minutes.arguments if option.won), "")
        label = f"Option {minutes.verdict.option}{f', as {author} put it' if author else ''}"
        yield Quote(minutes.verdict.text, (Text(label),))
    yield from (Paragraph(line(claim)) for claim in rest)
    if minutes.verdict and (minutes.verdict.abstained or minutes.verdict.missing):
        yield from (Paragraph(line(claim)) for claim in minutes.agreed)


def _summary(minutes: Minutes) -> Iterator[Block]:
    summary = minutes.summary
    if summary is None:
        return
    model = f" ({summary.model})" if summary.model else ""
    yield Heading(2, (Text(f"A summary, written by {summary.seat}{model}"),))
    yield Quote(summary.text, (Place(summary.turn), Text("Words of a model, not of these minutes · "), Code(summary.turn)))
    if summary.invented:
        said = "this one was" if len(summary.invented) == 1 else f"these {len(summary.invented)} were"
        yield Paragraph((Strong(f"Of its {summary.quotations} quotations {said} said by nobody:"),))
        yield Items(tuple((Text(f"“{' '.join(one.split())}”"),) for one in summary.invented))
    elif summary.quotations:
        count = "Its one quotation stands" if summary.quotations == 1 else f"All its {summary.quotations} quotations stand"
        yield Paragraph((Text(f"{count} word for word in the transcript."),))


def _people(minutes: Minutes) -> Iterator[Block]:
    yield Heading(2, (Text("Who took part"),))
    yield Items(tuple(_person(seat) for seat in minutes.seats))


def _person(seat: SeatMinutes) -> Line:
    role = f", {seat.role}" if seat.role else ""
    model = "a person" if seat.location == "person" else f"{seat.model or 'an unnamed model'}, {PLACES[seat.location]}"
    left = f"; lost on the way: {seat.lost}" if seat.lost else ""
    taken = "".join(f"; {claim.text}" for claim in seat.substitutes)
    return (Strong(seat.name), Text(f"{role} ({model}{taken}{left})"))


def _reasons(minutes: Minutes) -> Iterator[Block]:
    if not minutes.arguments or minutes.secret_ballots:
        return
    yield Heading(2, (Text("Why"),))
    for option in minutes.arguments:
        if option.reasons_for or (option.won and option.reasons_against):
            yield Heading(3, (Text(_for_what(option)),))
            if not option.won:
                yield Paragraph((Text(f"“{shortened(' '.join(option.text.split()), TITLE_LENGTH)}”"),))
            yield from claims(option.reasons_for)
        standing_against = [claim for claim in option.reasons_against if claim not in minutes.dissent and claim not in option.reasons_for]
        if standing_against:
            yield Heading(3, (Text(f"Against option {option.label}"),))
            yield from claims(standing_against)


def _for_what(option: OptionArguments) -> str:
    what = "the outcome" if option.won else "another choice"
    return f"For option {option.label}, {what}" if option.reasons_for else f"Option {option.label}, {what}: nobody gave a reason"


def _no_dissent(minutes: Minutes) -> str:
    verdict = minutes.verdict
    if verdict is None or not verdict.option:
        return "There was no outcome to dissent from."
    if verdict.dissent:
        return f"{', '.join(verdict.dissent)} did not support the outcome; no reasons are recorded."
    return "Nobody's ballot stands against the outcome."


def claims(some: Sequence[Claim]) -> Iterator[Block]:
    """Yield claims: words of seats as quotes, the others as a list."""
    for claim in some:
        yield quoted(claim) if claim.seat else Paragraph(line(claim))


def quoted(claim: Claim) -> Quote:
    """Return a claim in a seat's own words."""
    return Quote(claim.text, (Strong(claim.seat), *links(claim.turns)))


def line(claim: Claim) -> Line:
    """Return a claim of the minutes themselves with its links."""
    return (Text(claim.text), *links(claim.turns))


def links(turns: Iterable[str]) -> tuple[Inline, ...]:
    """Return links in brackets, or nothing."""
    listed = list(turns)
    if not listed:
        return ()
    parts: list[Inline] = [Text(" (")]
    for place, turn in enumerate(listed):
        parts += [Text(", "), Link(turn)] if place else [Link(turn)]
    return (*parts, Text(")"))
