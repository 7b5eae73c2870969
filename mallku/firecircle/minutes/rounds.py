"""The rounds in the minutes: every turn, however it ended."""

from collections.abc import Sequence

from mallku.events import kinds
from mallku.events.kinds import AnyEvent
from mallku.firecircle.minutes.values import Contribution, RoundMinutes
from mallku.firecircle.round_quorum import in_words
from mallku.firecircle.state import CONVENER, DeliberationState


def rounds_of(events: Sequence[AnyEvent], state: DeliberationState) -> tuple[RoundMinutes, ...]:
    """Return the rounds that were opened."""
    drift = {event.round_index: event.figure for event in state.drift}
    ended = state.rounds_ended
    closings = {event.round_index: event.reason for event in events if isinstance(event, kinds.RoundClosed)}
    digests = state.transcript.digests or {}
    ballot_turns = {event.turn for event in events if isinstance(event, kinds.BallotCast | kinds.BallotSpoiled | kinds.DissentRecorded)}
    told = [one for event in events for one in _contributions(event, state) if one[1].turn not in ballot_turns]
    over = {one.turn for _, one in told}
    for turn, opened in state.open_turns.items():
        if turn not in over and turn not in ballot_turns:
            mask = _mask(state, opened.round_index, opened.seat)
            told.append((opened.round_index, Contribution(turn=turn, seat=opened.seat, outcome="open", text="", mask=mask)))
    return tuple(
        RoundMinutes(
            index=index,
            kind=opened.round_kind,
            title=opened.title,
            instruction=opened.instruction,
            simultaneous=opened.simultaneous,
            masked=bool(opened.masks),
            shuffled=bool(opened.readings),
            contributions=_in_order(opened, [one for round_index, one in told if round_index == index]),
            closed=closings.get(index, ""),
            digest=digests.get(index, ""),
            drift=drift.get(index),
            unheard=ended.unheard if ended and ended.in_round == index else (),
            quorum_missed=in_words(missed, opened.title) if (missed := state.without_quorum.get(index)) else "",
        )
        for index, opened in sorted(state.rounds.items())
    )


def _in_order(opened: kinds.RoundOpened, told: Sequence[Contribution]) -> tuple[Contribution, ...]:
    """Give what was said at once the round's order, as the circle reads it; the rest stays as it happened."""
    place = {seat: number for number, seat in enumerate(opened.order)}
    return tuple(sorted(told, key=lambda one: place.get(one.seat, -1)) if opened.simultaneous else told)


def _contributions(event: AnyEvent, state: DeliberationState) -> list[tuple[int, Contribution]]:
    match event:
        case kinds.StatementMade():
            made = Contribution(
                turn=event.turn,
                seat=event.seat,
                outcome="partial" if event.partial else "statement",
                text=event.text,
                mask=_mask(state, event.round_index, event.seat),
                notes=(*_finish(event), *event.notes),
                scores={score.dimension: score.value for score in state.scores.get(event.turn, ())},
            )
        case kinds.TurnPassed():
            mask = _mask(state, event.round_index, event.seat)
            made = Contribution(turn=event.turn, seat=event.seat, outcome="pass", text=event.reason, mask=mask)
        case kinds.TurnFailed(will_retry=False):
            mask = _mask(state, event.round_index, event.seat)
            notes = (f"What had arrived: {event.partial_text}",) if event.partial_text else ()
            made = Contribution(turn=event.turn, seat=event.seat, outcome="failure", text=event.message, mask=mask, notes=notes)
        case kinds.FloorAnswered():
            made = Contribution(turn=event.turn, seat=event.seat, outcome="floor", text=_floor(event))
        case kinds.ConvenerRemarked():
            made = Contribution(turn=event.turn, seat=CONVENER, outcome="remark", text=event.text)
        case _:
            return []
    return [(event.round_index, made)]


def _floor(event: kinds.FloorAnswered) -> str:
    if event.fault:
        return f"its answer about the floor could not be read: {event.fault}"
    wish = f"bids {event.bid} for the floor" if event.asked == "bid" else f"names {event.named or 'nobody'} to speak next"
    why = " ".join(event.reason.split())
    return f"{wish}: “{why}”" if why else wish


def _finish(event: kinds.StatementMade) -> list[str]:
    notes = []
    if event.finish_reason == "length":
        notes.append("The answer reached its token limit.")
    if event.trimmed:
        notes.append("Its end was cut off because it began to speak for another seat.")
    return notes


def _mask(state: DeliberationState, round_index: int, seat: str) -> str:
    opened = state.rounds.get(round_index)
    return opened.masks.get(seat, "") if opened else ""
