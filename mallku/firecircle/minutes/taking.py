"""Taking minutes: from the events of a deliberation, and nothing else, to what a reader needs to know."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mallku.dialogue.verdict import Verdict
from mallku.errors import JournalDamaged
from mallku.events import kinds
from mallku.events.kinds import AnyEvent
from mallku.firecircle.decisions.figures import listed
from mallku.firecircle.independence import shared_weights
from mallku.firecircle.minutes.arguments import agreed_points, arguments_of, deciding, dissent_of, open_points
from mallku.firecircle.minutes.ballots import ballots_of
from mallku.firecircle.minutes.blocks import shortened
from mallku.firecircle.minutes.exchange import conversation_of, influence_of
from mallku.firecircle.minutes.figures import CIRCLE, co2_grams, mean_scores, round_spending, spending
from mallku.firecircle.minutes.ledger import changes_of, comparable, conformity_of
from mallku.firecircle.minutes.links import checked
from mallku.firecircle.minutes.rounds import rounds_of
from mallku.firecircle.minutes.rule_words import rule_in_words
from mallku.firecircle.minutes.seats import locality_of, seats_of
from mallku.firecircle.minutes.secrecy import concealed
from mallku.firecircle.minutes.values import BallotMinutes, Claim, Minutes, Record, Summary
from mallku.firecircle.state import DeliberationState, fold
from mallku.journal import chain_head


def take_minutes(events: Sequence[AnyEvent], *, head: str = "") -> Minutes:
    """Take the minutes of a deliberation, finished or not.

    Args:
        events: Its recorded events in order, as a journal gives them.
        head: Hash of the last one as the journal keeps it; computed from the events if it is not given.
    """
    recorded = [event for event in events if event.recorded]
    state = fold(recorded)
    convened = state.convened
    if convened is None:
        raise JournalDamaged("There is no call of a circle among the events.", hint="Run `mallku verify`.")
    decision = convened.plan.get("decision")
    secret = isinstance(decision, Mapping) and decision.get("secrecy") == "secret"
    ballots = ballots_of(recorded, state)
    decided = deciding(ballots)
    dissent = dissent_of(recorded)
    spent = spending(state)
    minutes = Minutes(
        question=convened.question,
        context=convened.context,
        options=convened.options,
        convened_at=convened.at,
        last_at=recorded[-1].at,
        status=state.ended.status if state.ended else "interrupted" if state.interrupted else "open",
        reason=state.ended.reason if state.ended else "",
        outcome=_outcome(ballots, secret=secret),
        verdict=decided.verdict if decided else None,
        verdict_before=_verdict_before(ballots),
        summary=_summary(state),
        locality=locality_of(recorded, state),
        caveats=_caveats(recorded, state),
        seats=seats_of(recorded, state),
        arguments=arguments_of(recorded, decided),
        agreed=agreed_points(decided),
        open_points=open_points(recorded, state, decided),
        dissent=dissent,
        changes=changes_of(recorded, state),
        comparable=comparable(state),
        conformity=conformity_of(state),
        rounds=rounds_of(recorded, state),
        ballots=ballots,
        scores=mean_scores(state),
        spending=spent,
        round_spending=round_spending(state),
        co2_grams=co2_grams(state, spent[CIRCLE]),
        conversation=conversation_of(state),
        influence=influence_of(state, decided.verdict if decided else None),
        resumed_at=tuple(event.at for event in recorded if isinstance(event, kinds.DeliberationResumed)),
        turns=(),
        record=Record(
            deliberation=convened.deliberation,
            events=len(recorded),
            head=head or chain_head(recorded),
            version=convened.version,
            seed=convened.seed,
        ),
    )
    if secret:
        minutes = concealed(minutes)
    turns = _turns_shown(minutes)
    return checked(replace(minutes, turns=turns, caveats=tuple(_linked(claim, turns) for claim in minutes.caveats)))


def _turns_shown(minutes: Minutes) -> tuple[str, ...]:
    shown = [one.turn for part in minutes.rounds for one in part.contributions]
    for ballot in minutes.ballots:
        shown += [cast.turn for cast in ballot.cast] + [turn for turn, _ in ballot.spoiled]
    shown += [turn for claim in minutes.dissent for turn in claim.turns]
    shown += [minutes.summary.turn] if minutes.summary else []
    return tuple(dict.fromkeys(turn for turn in shown if turn))


def _linked(claim: Claim, turns: Sequence[str]) -> Claim:
    """Link a remark that names turns to them."""
    words = {word.strip(".,:;") for word in claim.text.split()}
    return replace(claim, turns=tuple(turn for turn in turns if turn in words))


def _summary(state: DeliberationState) -> Summary | None:
    written = state.summary
    if written is None:
        return None
    return Summary(
        turn=written.turn,
        seat=written.seat,
        model=written.model,
        text=written.text,
        quotations=written.quotations,
        invented=written.invented,
    )


def _verdict_before(ballots: Sequence[BallotMinutes]) -> Verdict | None:
    return next((ballot.verdict for ballot in ballots if ballot.stage == "before"), None)


def _outcome(ballots: Sequence[BallotMinutes], *, secret: bool) -> tuple[Claim, ...]:
    """Say what was decided, how it was counted, and what the same seats would have decided before they talked."""
    decided = deciding(ballots)
    if decided is None:
        return (Claim(text="No ballot was held, so nothing was decided."),)
    verdict, turns = decided.verdict, tuple(cast.turn for cast in decided.cast)
    if verdict is None:
        return (Claim(text="The ballot was not counted, so nothing is decided.", turns=turns),)
    if not verdict.option:
        notes = (Claim(text=note) for note in verdict.notes)
        return (Claim(text="The circle did not decide.", turns=turns), *_figures(verdict), *notes)
    claims = [_decision(verdict, decided, turns), *(() if secret else _sides(verdict, decided))]
    if verdict.tie_break:
        claims.append(Claim(text=f"It was a tie. {verdict.tie_break}", turns=turns))
    before = _verdict_before(ballots)
    first = next((ballot for ballot in ballots if ballot.stage == "before"), None)
    if before is not None and first is not None and decided is not first:
        claims.append(_against_before(before, first, verdict, decided))
    return tuple(claims)


def _figures(verdict: Verdict) -> tuple[Claim, ...]:
    """Say how the options stood where none was chosen."""
    tally = verdict.tally
    if tally is None or len(tally.support) < 2:  # noqa: PLR2004 - with one option there is nothing to compare
        return ()
    return (Claim(text=f"The count: {', '.join(f'{label} {figure:g}' for label, figure in tally.support.items())} {tally.support_unit}."),)


def _decision(verdict: Verdict, decided: BallotMinutes, turns: tuple[str, ...]) -> Claim:
    others = [
        f"{len(seats)} {word}"
        for seats, word in ((verdict.dissent, "against"), (verdict.abstained, "without a side"), (verdict.missing, "missing"))
        if seats
    ]
    behind = f"{len(verdict.support)} of {len(verdict.support) + sum(map(len, (verdict.dissent, verdict.abstained, verdict.missing)))}"
    if not decided.cast:
        return Claim(text=f"Option {verdict.option} stands without a ballot. {' '.join(verdict.notes)}".strip())
    words = rule_in_words(verdict.rule)
    meaning = f" ({words})" if words else ""
    chosen = f"{verdict.option}, “{shortened(' '.join(verdict.text.split()), 80)}”,"
    rest = f" ({', '.join(others)})" if others else ""
    return Claim(
        text=f"The circle chose option {chosen} under the rule “{verdict.rule}”{meaning}: {behind} seats support it{rest}.", turns=turns
    )


def _sides(verdict: Verdict, decided: BallotMinutes) -> tuple[Claim, ...]:
    """Name who stands where; left out where ballots are secret."""
    sides = (
        ("For it", verdict.support),
        ("Against", verdict.dissent),
        ("On no side", verdict.abstained),
        ("No valid ballot", verdict.missing),
    )
    told = " ".join(f"{side}: {listed(seats)}." for side, seats in sides if seats)
    return (Claim(text=told),) if decided.cast else ()


def _against_before(before: Verdict, first: BallotMinutes, after: Verdict, decided: BallotMinutes) -> Claim:
    turns = tuple(cast.turn for cast in first.cast)
    if not before.option:
        return Claim(text="Before the exchange the same seats had not decided anything.", turns=turns)
    texts = {option.label: option.text for option in first.options}
    if texts.get(before.option) == {option.label: option.text for option in decided.options}.get(after.option):
        return Claim(text=f"Before the exchange the same seats would have decided the same, option {before.option}.", turns=turns)
    if texts == {option.label: option.text for option in decided.options}:
        return Claim(text=f"Before the exchange the same seats would have decided otherwise: option {before.option}.", turns=turns)
    text = " ".join(before.text.split())
    author = next((option.author for option in first.options if option.label == before.option), "")
    whose = f"what {author} had said: " if author else ""
    return Claim(text=f"Before the exchange, choosing among other texts, the same seats would have chosen {whose}“{text}”", turns=turns)


def _caveats(events: Sequence[AnyEvent], state: DeliberationState) -> tuple[Claim, ...]:
    """Return what weakens the result: remarks at its end, warnings, breaks, rounds that no longer fitted or left the question."""
    told = [Claim(text=remark) for remark in (state.ended.remarks if state.ended else ())]
    told += [Claim(text=f"{warning.seat}: {warning.warning}" if warning.seat else warning.warning) for warning in state.warnings]
    rehearsing = [seat.name for seat in state.convened.seats if seat.spec == "tiny"] if state.convened else []
    if rehearsing:
        told.append(
            Claim(text=f"The bundled rehearsal model speaks for {', '.join(rehearsing)}: it shows how a circle works and knows nothing.")
        )
    shared = shared_weights({seat.name: seat.weights for seat in state.convened.seats}) if state.convened else ""
    if shared and not any("weights" in warning.warning for warning in state.warnings):
        told.append(Claim(text=shared))
    if not state.ended:
        told.append(Claim(text="The deliberation has not ended; these minutes show how far it has come."))
    broken_off = [event for event in events if isinstance(event, kinds.DeliberationResumed)]
    told += [Claim(text=f"It broke off and went on at {event.at:%Y-%m-%d %H:%M} UTC.") for event in broken_off]
    for index in sorted(state.transcript.digests or {}):
        told.append(Claim(text=f"Round {index + 1} no longer fitted into the seats' windows; later turns read a digest of it."))
    ended = state.rounds_ended
    if ended and ended.unheard:
        told.append(
            Claim(text=f"Round {(ended.in_round or 0) + 1} was broken off ({ended.reason}) before {listed(ended.unheard)} had spoken.")
        )
    for notice in state.drift:
        told.append(
            Claim(text=f"Round {notice.round_index + 1} drifted: {notice.figure:.0%} of its statements take up nothing of the question.")
        )
    return tuple(dict.fromkeys(told))
