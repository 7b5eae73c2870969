"""Who speaks when."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mallku.dialogue.transcript import Statement
from mallku.errors import ConfigurationError
from mallku.firecircle.turn_orders import (
    ORDER_NAMES,
    Ask,
    Floor,
    FloorAnswer,
    Limits,
    RoundOver,
    Speak,
    TurnTaken,
    read_floor_answer,
    speaking_shares,
    turn_order,
)

SEATS = ("Ada", "Ben", "Cleo")
NAMES = [*ORDER_NAMES[:-1], "facilitator(Ada)"]


def play(name, floor, answer=lambda ask, seat, floor: "", words=10, most_steps=500):
    """Hold a whole round; return who spoke, in order, and why it ended."""
    order = turn_order(name)
    spoke = []
    for _ in range(most_steps):
        step = order.next_step(floor)
        match step:
            case RoundOver():
                return spoke, step.why
            case Speak():
                spoke += step.seats
                floor = replace(floor, turns=(*floor.turns, *(TurnTaken(seat=seat, words=words) for seat in step.seats)))
            case Ask():
                after = len(floor.turns)
                given = [read_floor_answer(step, seat, answer(step, seat, floor), after=after) for seat in step.seats]
                floor = replace(floor, answers=(*floor.answers, *given))
    raise AssertionError("the round does not end")


def test_simultaneous_lets_all_speak_at_once():
    assert turn_order("simultaneous").next_step(Floor(seats=SEATS)) == Speak(seats=SEATS)


def test_round_robin_starts_one_seat_further_each_round():
    assert play("round-robin", Floor(seats=SEATS, round_index=0))[0] == ["Ada", "Ben", "Cleo"]
    assert play("round-robin", Floor(seats=SEATS, round_index=1))[0] == ["Ben", "Cleo", "Ada"]
    assert play("round-robin", Floor(seats=SEATS, most_turns=5))[0] == ["Ada", "Ben", "Cleo", "Ada", "Ben"]


def test_a_seeded_shuffle_is_the_same_for_the_same_seed_and_gives_everyone_every_place():
    first = {play("seeded-shuffle", Floor(seats=SEATS, seed=seed))[0][0] for seed in range(30)}
    assert first == set(SEATS)
    assert play("seeded-shuffle", Floor(seats=SEATS, seed=5)) == play("seeded-shuffle", Floor(seats=SEATS, seed=5))


def test_the_least_heard_speaks_first():
    floor = Floor(seats=SEATS, words_before={"Ada": 50, "Ben": 10, "Cleo": 30})
    assert play("least-heard", floor)[0] == ["Ben", "Cleo", "Ada"]


def test_the_holder_of_the_stick_names_the_next():
    wanted = {"Ada": "Cleo", "Ben": "Ada", "Cleo": "Ben"}
    spoke, _ = play("talking-stick", Floor(seats=SEATS, seed=1, most_turns=6), lambda ask, seat, floor: f'{{"next": "{wanted[seat]}"}}')
    assert len(spoke) == 6
    assert all(spoke.count(seat) == 2 for seat in SEATS)


def test_two_cannot_keep_the_stick_between_them():
    spoke, _ = play("talking-stick", Floor(seats=SEATS, most_turns=9), lambda ask, seat, floor: f'{{"next": "{ask.names[0]}"}}')
    assert [spoke.count(seat) for seat in SEATS] == [3, 3, 3]


def test_a_facilitator_gives_the_floor_and_closes_the_round_once_all_were_heard():
    script = iter(["Cleo", "nobody", "Ben", "nobody"])

    def answer(ask, seat, floor):
        assert seat == "Ada"
        return f'{{"reason": "", "next": "{next(script)}"}}'

    spoke, why = play("facilitator(Ada)", Floor(seats=SEATS, most_turns=9), answer)
    assert spoke[0] == "Cleo"
    assert set(spoke) == set(SEATS)
    assert why == "closed by Ada"


def test_a_facilitator_that_answers_nonsense_hands_the_floor_to_the_least_heard():
    floor = Floor(seats=SEATS, words_before={"Ada": 9, "Ben": 5, "Cleo": 1})
    spoke, _ = play("facilitator(Ada)", floor, lambda ask, seat, floor: "I would rather not say.")
    assert spoke == ["Cleo", "Ben", "Ada"]


def test_a_facilitator_that_has_left_is_not_asked():
    assert sorted(play("facilitator(Dov)", Floor(seats=SEATS))[0]) == sorted(SEATS)


def test_the_highest_bid_speaks_and_silence_ends_the_round():
    bids = {"Ada": 1, "Ben": 4, "Cleo": 0}

    def answer(ask, seat, floor):
        return f'{{"reason": "", "bid": {0 if floor.turns_of(seat) else bids[seat]}}}'

    assert play("bidding", Floor(seats=SEATS), answer) == (["Ben", "Ada"], "nobody wants to speak")


def test_an_unreadable_bid_is_silence_with_its_fault():
    step = turn_order("bidding").next_step(Floor(seats=SEATS))
    assert isinstance(step, Ask)
    for text in ("5", '{"bid": 9}', '{"bid": true}', '{"bid": "5"}'):
        read = read_floor_answer(step, "Ada", text, after=0)
        assert (read.bid, bool(read.fault)) == (0, True)


def test_a_name_that_may_not_be_named_is_a_fault():
    step = turn_order("talking-stick").next_step(Floor(seats=SEATS, most_turns=9, turns=(TurnTaken(seat="Ada"),)))
    assert isinstance(step, Ask)
    assert step.names == ("Ben", "Cleo")
    assert read_floor_answer(step, "Ada", '{"next": "Ada"}', after=1).fault
    assert read_floor_answer(step, "Ada", '{"next": "nobody"}', after=1).fault
    assert read_floor_answer(step, "Ada", '{"next": "Ben"}', after=1) == FloorAnswer(seat="Ada", after=1, kind="naming", named="Ben")


def test_a_seat_beyond_its_share_of_the_words_waits():
    floor = Floor(seats=SEATS, words_before={"Ada": 90, "Ben": 10, "Cleo": 10}, limits=Limits(share=0.5))
    assert turn_order("simultaneous").next_step(floor) == Speak(seats=("Ben", "Cleo"))
    assert play("round-robin", floor)[0] == ["Ben", "Cleo"]


def test_no_share_is_below_an_equal_one():
    floor = Floor(seats=SEATS, words_before=dict.fromkeys(SEATS, 10), limits=Limits(share=0.01))
    assert turn_order("simultaneous").next_step(floor) == Speak(seats=SEATS)


def test_the_turns_of_a_seat_are_limited():
    floor = Floor(seats=SEATS, most_turns=9, limits=Limits(turns=2))
    spoke, why = play("round-robin", floor)
    assert (len(spoke), why) == (6, "every seat has used its share of the floor")


@pytest.mark.parametrize("limits", [Limits(turns=0), Limits(share=0.0), Limits(share=1.5)])
def test_limits_that_make_no_sense_are_refused(limits):
    with pytest.raises(ConfigurationError):
        turn_order("bidding").next_step(Floor(seats=SEATS, limits=limits))


@pytest.mark.parametrize("name", ["facilitator", "facilitator()", "robin", ""])
def test_unknown_orders_are_refused(name):
    with pytest.raises(ConfigurationError, match="turn order"):
        turn_order(name)


@given(
    name=st.sampled_from(NAMES),
    seats=st.integers(1, 5),
    turns=st.none() | st.integers(0, 12),
    seed=st.integers(0, 99),
    share=st.none() | st.floats(0.1, 1.0),
    answers=st.lists(
        st.sampled_from(['{"next": "Ada"}', '{"next": "Ben"}', '{"next": "nobody"}', '{"bid": 3}', '{"bid": 1}', "what?"]), min_size=1
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_round_ends_within_its_turns_whatever_is_answered(*, name, seats, turns, seed, share, answers):
    circle = ("Ada", "Ben", "Cleo", "Dov", "Eve")[:seats]
    given_answers = iter(answers * 100)
    floor = Floor(seats=circle, seed=seed, most_turns=turns, limits=Limits(share=share))
    spoke, why = play(name, floor, lambda ask, seat, floor: next(given_answers))
    assert why
    assert set(spoke) <= set(circle)
    if name != "simultaneous":
        assert len(spoke) <= (seats if turns is None else turns)
    if name not in {"simultaneous", "bidding"} and share is None and (turns is None or turns >= seats):
        assert set(spoke) == set(circle), "nobody is left unheard"


def test_shares_are_measured_in_words():
    said = [
        Statement(turn=f"r0.{seat}", seat=seat, round_index=0, round_kind="opening", text=text)
        for seat, text in [("Ada", "one two three"), ("Ben", "four"), ("Ada", "五六七八")]
    ]
    shares = speaking_shares(said, SEATS)
    assert [(share.seat, share.turns, share.words) for share in shares] == [("Ada", 2, 5), ("Ben", 1, 1), ("Cleo", 0, 0)]
    assert sum(share.share for share in shares) == pytest.approx(1)
    assert speaking_shares([], SEATS)[0].share == 0
