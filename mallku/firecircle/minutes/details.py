"""Behind the first page: everything that was said, voted, scored and spent."""

from collections.abc import Iterator

from mallku.dialogue.verdict import Tally
from mallku.firecircle.minutes.blocks import Block, Code, Heading, Items, Line, PageBreak, Paragraph, Place, Quote, Strong, Table, Text
from mallku.firecircle.minutes.front_page import links
from mallku.firecircle.minutes.rule_words import rule_in_words
from mallku.firecircle.minutes.seats import PLACES
from mallku.firecircle.minutes.values import BallotMinutes, Change, Contribution, MeanScore, Measure, Minutes, RoundMinutes, Spending

STAGES = {
    "before": "The private ballot before the exchange",
    "control": "The control: each seat asked again alone",
    "selection": "The choice of the proposal",
    "final": "The deciding ballot",
}


def details(minutes: Minutes) -> Iterator[Block]:
    """Yield what stands behind the first page."""
    yield PageBreak()
    yield from _given(minutes)
    yield Heading(2, (Text("What was said"),))
    if not minutes.rounds:
        yield Paragraph((Text("No round was opened."),))
    for part in minutes.rounds:
        yield from _round(part)
    yield from _dissent_places(minutes)
    for ballot in minutes.ballots:
        yield from _ballot(ballot)
    yield from _changes(minutes)
    yield from _scores(minutes)
    yield from _exchange(minutes)
    yield from _spending(minutes)
    yield from _seats(minutes)
    yield from _record(minutes)


def _given(minutes: Minutes) -> Iterator[Block]:
    if minutes.context.strip():
        yield Heading(2, (Text("Background all seats had"),))
        yield Quote(minutes.context)
    if minutes.options:
        yield Heading(2, (Text("Options given with the question"),))
        yield Items(tuple((Strong(option.label), Text(f": {' '.join(option.text.split())}")) for option in minutes.options))


def _round(part: RoundMinutes) -> Iterator[Block]:
    yield Heading(3, (Text(f"Round {part.index + 1}: {part.title}"),))
    how = "All were asked at once" if part.simultaneous else "One after the other"
    masked = ", under masks" if part.masked else ""
    masked += ", each reading what was said before in an order of its own" if part.shuffled else ""
    yield Paragraph((Text(f"{how}{masked}: {' '.join(part.instruction.split())}"),))
    for one in part.contributions:
        yield from _contribution(one)
    if part.closed:
        unheard = f" Not heard in it: {', '.join(part.unheard)}." if part.unheard else ""
        yield Paragraph((Text(f"The round ended: {part.closed.rstrip('.')}.{unheard}"),))
    if part.quorum_missed:
        yield Paragraph((Strong(part.quorum_missed),))
    if part.digest:
        yield Quote(part.digest, (Text("What later turns read in place of this round"),))


def _contribution(one: Contribution) -> Iterator[Block]:
    mask = f", read as {one.mask}" if one.mask else ""
    head: Line = (Place(one.turn), Strong(one.seat), Text(f"{mask} · "), Code(one.turn))
    match one.outcome:
        case "statement" | "remark":
            yield Quote(one.text, head)
        case "partial":
            yield Quote(one.text, (*head, Text(" · broke off")))
        case "pass":
            why = f": “{' '.join(one.text.split())}”" if one.text.strip() else "."
            yield Paragraph((*head, Text(f" · passed{why}")))
        case "failure":
            yield Paragraph((*head, Text(f" · no answer: {' '.join(one.text.split())}")))
        case "floor":
            yield Paragraph((*head, Text(f" · {one.text}")))
        case "open":
            yield Paragraph((*head, Text(" · was asked and has not answered yet")))
    if one.notes:
        yield Items(tuple((Text(" ".join(note.split())),) for note in one.notes))
    if one.scores:
        told = (
            f"{dimension.replace('_', ' ')} {'unscored' if value is None else f'{value:.2f}'}" for dimension, value in one.scores.items()
        )
        yield Paragraph((Text(f"Scores: {', '.join(told)}."),))


def _dissent_places(minutes: Minutes) -> Iterator[Block]:
    if minutes.dissent:
        yield Heading(3, (Text("After the ballot: those who did not support the outcome"),))
    for claim in minutes.dissent:
        heads: Line = tuple(piece for turn in claim.turns for piece in (Place(turn), Code(turn)))
        yield Quote(claim.text, (Strong(claim.seat), Text(" · "), *heads))


def _ballot(ballot: BallotMinutes) -> Iterator[Block]:
    yield Heading(2, (Text(_stage(ballot.stage)),))
    hidden = (
        " Voters read the options under labels of their own, without the authors; here they bear the labels of the record."
        if ballot.masked and any(option.author for option in ballot.options)
        else ""
    )
    yield Paragraph((Text(f"Each seat filled in a ballot of the kind “{ballot.ballot_kind}”; the rule is {_meaning(ballot)}.{hidden}"),))
    by = ((option, f" ({option.author})" if option.author else "") for option in ballot.options)
    yield Items(tuple((Strong(option.label), Text(f"{author}: {' '.join(option.text.split())}")) for option, author in by))
    weighted = any(cast.weight != 1 for cast in ballot.cast)
    rows: list[tuple[Line, ...]] = []
    for cast in ballot.cast:
        notes = [f"weight {cast.weight:g}"] if weighted else []
        notes += [f"confidence {cast.confidence:.0%}"] if cast.confidence is not None else []
        notes += ["asked twice"] if cast.repaired else []
        notes += [f"{label} in the reason is {real} here" for label, real in cast.read_as]
        rows.append(
            (
                (Place(cast.turn), Strong(cast.seat)),
                (Text(cast.vote),),
                (Text(" ".join(cast.reason.split())),),
                (Text(", ".join(notes)),),
                (Code(cast.turn),) if cast.turn else (),
            )
        )
    if rows:
        yield Table("Ballots", ("Seat", "Vote", "Reason, in the voter's words", "Notes", "Turn"), tuple(rows))
    else:
        yield Paragraph((Text("Nobody cast a valid ballot."),))
    for turn, spoiled in ballot.spoiled:
        head: Line = (Place(turn), Strong(spoiled.seat), Text(f" · spoiled: {spoiled.reason} · "), Code(turn))
        yield Quote(spoiled.raw, head) if spoiled.raw.strip() else Paragraph(head)
    yield from _counts(ballot)


def _meaning(ballot: BallotMinutes) -> str:
    words = rule_in_words(ballot.rule)
    return f"“{ballot.rule}” ({words})" if words else f"“{ballot.rule}”"


def _stage(stage: str) -> str:
    number = stage.removeprefix("poll-")
    return f"The private poll after round {int(number) + 1}" if number.isdecimal() else STAGES.get(stage, f"The ballot “{stage}”")


def _counts(ballot: BallotMinutes) -> Iterator[Block]:
    verdict = ballot.verdict
    if verdict is None:
        yield Paragraph((Text("It was not counted."),))
        return
    if verdict.tally:
        rows = (_tally(verdict.tally, declared=True), *(_tally(tally, declared=False) for tally in ballot.recounts))
        yield Table("The count, and the same ballots under other rules", ("Rule", "Winner", "Figures"), rows)
    steps = verdict.tally.steps if verdict.tally else ()
    told = (*steps, *ballot.comparison, *verdict.notes, *((f"Tie: {verdict.tie_break}",) if verdict.tie_break else ()))
    if told:
        yield Items(tuple((Text(one),) for one in dict.fromkeys(told)))


def _tally(tally: Tally, *, declared: bool) -> tuple[Line, ...]:
    winners = ", ".join(tally.winners) if tally.passed and tally.winners else "none"
    figures = ", ".join(f"{label} {figure:g}" for label, figure in tally.support.items())
    name: Line = (Strong(f"{tally.rule} (declared)"),) if declared else (Text(tally.rule),)
    return (name, (Text(winners),), (Text(f"{figures} {tally.support_unit}" if figures else "no figures"),))


def _changes(minutes: Minutes) -> Iterator[Block]:
    if not minutes.changes and not minutes.conformity:
        return
    yield Heading(2, (Text("Changes of position"),))
    if minutes.secret_ballots:
        yield Paragraph((Text("Not shown: the ballots were secret."),))
    elif minutes.changes:
        yield Items(
            tuple(
                (
                    Strong(change.seat),
                    Text(f": {change.explanation or _moved(change)}"),
                    *links(change.turns),
                )
                for change in minutes.changes
            )
        )
    elif minutes.comparable:
        yield Paragraph((Text("Nobody ended elsewhere than they began."),))
    if minutes.conformity:
        yield Items(tuple((Text(claim.text), *links(claim.turns)) for claim in minutes.conformity))


def _moved(change: Change) -> str:
    return f"from {change.before} to {change.after}, {change.cause}."


def _scores(minutes: Minutes) -> Iterator[Block]:
    if not minutes.scores:
        return
    dimensions = sorted({dimension for means in minutes.scores.values() for dimension in means})
    rows: list[tuple[Line, ...]] = []
    for seat, means in minutes.scores.items():
        figures: list[Line] = [(Text(_mean(means.get(dimension))),) for dimension in dimensions]
        rows.append(((Strong(seat or "The circle"),), *figures))
    yield Heading(2, (Text("Scores"),))
    yield Paragraph(
        (Text("Means over statements, 0 to 1; in brackets how many had something to judge. The evidence stands in the record."),)
    )
    told = [_tiers(dimension, mean) for dimension, mean in minutes.scores.get("", {}).items() if mean.tiers]
    if told:
        yield Paragraph((Text(f"Tiers that spoke (1 rules, 2 classifier, 3 vectors, 4 judge): {'; '.join(told)}."),))
    yield Table("Mean scores", ("Seat", *(dimension.replace("_", " ") for dimension in dimensions)), tuple(rows))


def _tiers(dimension: str, mean: MeanScore) -> str:
    sure = "" if mean.confidence is None else f", sure to {mean.confidence:.2f}"
    return f"{dimension.replace('_', ' ')} {' and '.join(map(str, mean.tiers))}{sure}"


def _exchange(minutes: Minutes) -> Iterator[Block]:
    """Show the talk as a whole: what each seat said, took up and had taken up."""
    found = minutes.conversation
    if found is None:
        return
    rows = tuple(
        (
            (Strong(name),),
            (Text(f"{found.shares[name]:.0%}"),),
            (Text(f"{found.give[name]:.1f}"),),
            (Text(f"{found.get[name]:.1f}"),),
            (Text(_figure(found.balance[name])),),
            (Text("nobody spoke after" if found.heard[name] is None else f"{found.heard[name]:.0%}"),),
            (Text(_figure(minutes.influence.get(name))),),
        )
        for name in found.speakers
    )
    yield Heading(2, (Text("Who took up whom"),))
    unheard = f" Never taken up: {', '.join(found.never_heard)}." if found.never_heard else ""
    told = (
        f"Evenness of speaking {_figure(found.evenness)}, Gini {_figure(found.gini)}; mutual uptake {_figure(found.reciprocity)} "
        f"(z {_figure(found.reciprocity_z)}). Against the same talk with its turns shuffled, uptake stands at z = "
        f"{_figure(found.baseline_z)}; about 0 is what monologues side by side give.{unheard}"
    )
    yield Paragraph((Text(told),))
    header = ("Seat", "Words", "Takes up", "Is taken up", "Balance", "Turns heard", "Influence on the outcome (z)")
    yield Table("Uptake by seat", header, rows)
    matrix: list[tuple[Line, ...]] = []
    for row, name in enumerate(found.speakers):
        figures: list[Line] = [(Text("" if row == column else f"{figure:.1f}"),) for column, figure in enumerate(found.matrix[row])]
        matrix.append(((Strong(name),), *figures))
    yield Table("The row takes up the column", ("", *found.speakers), tuple(matrix))


def _figure(figure: float | None) -> str:
    return "unknown" if figure is None else f"{figure:.2f}"


def _mean(mean: MeanScore | None) -> str:
    if mean is None or mean.value is None:
        return "unscored"
    return f"{mean.value:.2f} ({mean.scored} of {mean.scored + mean.unscored})"


def _spending(minutes: Minutes) -> Iterator[Block]:
    yield Heading(2, (Text("What it took"),))
    elapsed = (minutes.last_at - minutes.convened_at).total_seconds()
    yield Paragraph((Text(f"From the call to the last event: {elapsed:,.0f} seconds. {_energy(minutes)}"),))
    header = ("Answers", "Prompt tokens", "of these cached", "Answer tokens", "Tokens a second", "Seconds", "Processor seconds", "Joules")
    seats = tuple(((Strong(seat or "The circle"),), *_measures(spent)) for seat, spent in minutes.spending.items())
    yield Table("Tokens, seconds and energy by seat", ("Seat", *header), seats)
    rounds = tuple(((Strong(f"Round {index + 1}"),), *_measures(spent)) for index, spent in minutes.round_spending.items())
    if rounds:
        yield Table("The statements of each round", ("Round", *header), rounds)
    if any(spent.estimated for spent in minutes.spending.values()):
        yield Paragraph((Text("Some token counts are estimates."),))


def _measures(spent: Spending) -> tuple[Line, ...]:
    speed = Measure(value=spent.tokens_per_second)
    told = (spent.prompt_tokens, spent.cached_tokens, spent.answer_tokens, speed, spent.seconds, spent.cpu_seconds, spent.joules)
    return ((Text(str(spent.requests)),), *((Text(measured(one)),) for one in told))


def _energy(minutes: Minutes) -> str:
    """Say what the whole deliberation used, where the figure comes from and how sure it is."""
    used = minutes.spending[""]
    peak = f" Its models took up to {used.peak_memory_bytes / 2**20:,.0f} MiB of memory." if used.peak_memory_bytes else ""
    peak += f" They held up to {used.accelerator_bytes / 2**20:,.0f} MiB of accelerator memory." if used.accelerator_bytes else ""
    if used.joules.value is None:
        return f"Its energy is unknown: nothing could be read that counts it.{peak}"
    doubt = "" if used.energy_uncertainty is None else f", give or take {used.energy_uncertainty:.0%}"
    what = "The decision" if minutes.verdict and minutes.verdict.option else "It"
    carbon = "" if minutes.co2_grams is None else f" At the carbon intensity of the plan that is {minutes.co2_grams:.3g} g of CO2."
    return f"{what} took {measured(used.joules)} joules above idle ({used.energy_source}{doubt}).{carbon}{peak}"


def measured(measure: Measure) -> str:
    """Say a sum, and whether something is missing from it."""
    if measure.value is None:
        return "unknown"
    figure = f"{measure.value:,.1f}" if measure.value % 1 else f"{measure.value:,.0f}"
    return figure if measure.whole else f"at least {figure}"


def _seats(minutes: Minutes) -> Iterator[Block]:
    yield Heading(2, (Text("Seats and models"),))
    said = sum(seat.words for seat in minutes.seats)
    rows = tuple(
        (
            (Strong(seat.name),),
            (Text(", ".join((seat.model or "unnamed", *seat.answered_as))),),
            (Text(f"{PLACES[seat.location]}{f' ({seat.server})' if seat.server else ''}{f', {seat.address}' if seat.address else ''}"),),
            (Text(", ".join(seat.shares_weights_with) or "nobody, as far as known"),),
            (Text(f"{seat.weight:g}"),),
            (Text(f"{seat.statements} ({seat.words} words, {seat.words / said:.0%} of all)" if said else "none"),),
        )
        for seat in minutes.seats
    )
    header = ("Seat", "Model", "Where", "Same weights as", "Ballot weight", "Statements")
    yield Table("Seats", header, rows)


def _record(minutes: Minutes) -> Iterator[Block]:
    record = minutes.record
    yield Heading(2, (Text("How to check this"),))
    yield Paragraph(
        (
            Text(f"These minutes were made by mallku {record.version} from the {record.events} recorded events of deliberation "),
            Code(record.deliberation),
            Text(f" (seed {record.seed}) and nothing else. The record's last hash is "),
            Code(record.head),
            Text(f". {minutes.check} Whoever keeps that hash can prove that no event was changed: "),
            Code(f"mallku verify {record.deliberation}"),
            Text("."),
        )
    )
