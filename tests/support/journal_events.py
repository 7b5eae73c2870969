"""Events to write into journals in tests."""

from datetime import UTC, datetime, timedelta

from mallku.dialogue.verdict import Verdict
from mallku.events.kinds import (
    BallotCounted,
    ConvenerRemarked,
    DeliberationConvened,
    DeliberationEnded,
    DissentRecorded,
    RoundClosed,
    RoundOpened,
    SeatFacts,
    StatementMade,
    TurnOpened,
)

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def convened(deliberation="d1", question="Should the valley share its well?", *, at=START):
    return DeliberationConvened(
        deliberation=deliberation, seq=1, at=at, question=question, seats=(SeatFacts(name="Ada"), SeatFacts(name="Ben")), plan={}, seed=7
    )


def statement(deliberation, seq, text, *, seat="Ada", turn=None):
    return StatementMade(
        deliberation=deliberation,
        seq=seq,
        at=START + timedelta(seconds=seq),
        caused_by=f"{deliberation}:{seq - 1}",
        turn=turn or f"r0.{seat}",
        seat=seat,
        round_index=0,
        round_kind="opening",
        text=text,
    )


def small_deliberation(deliberation="d1", *, question="Should the valley share its well?", start=START):
    """A whole deliberation of two seats, from its call to its end."""
    moment = iter(start + timedelta(seconds=second) for second in range(1, 100))
    seq = iter(range(2, 100))

    def place():
        return {"deliberation": deliberation, "seq": next(seq), "at": next(moment)}

    verdict = Verdict(status="decided", option="A", text="Share it under a rota.", support=("Ada",))
    opening = {"round_index": 0, "round_kind": "opening"}
    return [
        convened(deliberation, question, at=start),
        RoundOpened(**place(), **opening, title="Opening", instruction="Speak.", order=("Ada", "Ben"), simultaneous=True, rounds_planned=1),
        TurnOpened(**place(), turn="r0.Ada", seat="Ada", round_index=0),
        StatementMade(**place(), **opening, turn="r0.Ada", seat="Ada", text="The well belongs to all; a café says so."),
        TurnOpened(**place(), turn="r0.Ben", seat="Ben", round_index=0),
        StatementMade(**place(), **opening, turn="r0.Ben", seat="Ben", text="Who digs deeper \x00 must pay: 水 is scarce."),
        ConvenerRemarked(**place(), turn="r0.convener", round_index=0, text="Remember the drought of last summer."),
        RoundClosed(**place(), round_index=0),
        BallotCounted(**place(), stage="final", verdict=verdict),
        DissentRecorded(**place(), turn="dissent.Ben", seat="Ben", text="A rota cannot be kept."),
        DeliberationEnded(**place(), status="complete", reason="plan done"),
    ]
