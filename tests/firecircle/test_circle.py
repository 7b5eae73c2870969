"""What a circle promises to those who convene it."""

import itertools

import pytest

from mallku.dialogue.response import Response
from mallku.errors import ConfigurationError, NoParticipants, QuestionError
from mallku.events import kinds
from mallku.firecircle import DecisionPlan, FireCircle, Persona, Plan, RoundPlan, default_plan
from mallku.firecircle.deliberation import Deliberation
from mallku.journal import MemoryJournal
from mallku.testing import EventRecorder, ScriptedParticipant, first_choice


def circle(*scripts, names=("Ada", "Ben", "Cho", "Dov"), **settings):
    made = FireCircle(**{"journal": ":memory:", "seed": 3, **settings})
    for name, script in zip(names, scripts, strict=False):
        made.add_participant(script if isinstance(script, ScriptedParticipant) else ScriptedParticipant(script), name=name)
    return made


def votes_for(author):
    """Return a script that speaks and votes for the option that `author` wrote."""

    def reply(prompt, settings):
        if settings.schema is None:
            return f"{prompt.seat} holds that the village keeps its own data."
        labels = settings.schema["properties"]["choice"]["enum"]
        mine = [label for label in labels if f"{label}: {author} " in prompt.user]
        return f'{{"reason": "I follow {author}.", "choice": "{(mine or labels)[0]}"}}'

    return reply


async def test_a_deliberation_has_openings_exchange_synthesis_ballots_and_a_verdict():
    made = circle(votes_for("Ben"), votes_for("Cho"), votes_for("Ben"))
    result = await made.deliberate("Should we open our data?")

    assert result.status == "complete"
    assert [s.round_kind for s in result.statements] == ["opening"] * 3 + ["reflection"] * 3 + ["synthesis"] * 3
    assert result.verdict.status == "decided"
    assert result.verdict.text.startswith("Ben")
    assert set(result.verdict.support) == {"Ada", "Cho"}
    assert result.verdict_before.text.startswith("Ben")
    assert set(result.ballots) == {"before", "final"}
    assert all(score.value is None or 0 <= score.value <= 1 for scores in result.scores.values() for score in scores)
    assert set(result.scores) == {s.turn for s in result.statements}


async def test_openings_are_sealed_and_a_seat_hears_all_openings_in_the_exchange():
    participants = [ScriptedParticipant([f"My view is number {n}."]) for n in range(3)]
    await circle(*participants).deliberate("Should we open our data?")
    openings = [p.prompts[0].user for p in participants]
    exchange = next(prompt.user for prompt in participants[0].prompts if "Round: exchange" in prompt.user)

    assert not any("My view" in text for text in openings)
    assert all(f"My view is number {n}." in exchange for n in range(3))


async def test_all_seats_share_the_bytes_before_their_turn_and_later_prompts_begin_with_them():
    participants = [ScriptedParticipant([f"Statement of {n}, which says something."]) for n in range(3)]
    await circle(*participants, plan=default_plan(exchanges=3)).deliberate("Should we open our data?")
    shared = [p.user[: p.shared_chars] for seat in participants for p in seat.prompts if "Round: ballot" not in p.user]
    shared.sort(key=len)

    assert len({p.system for seat in participants for p in seat.prompts}) == 1
    assert len(shared) > 12
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(shared))


async def test_given_options_are_voted_on_and_the_vote_before_is_reported():
    made = circle(*[votes_for("x")] * 3)
    result = await made.deliberate("Which?", options=["Share it all", "Share nothing"])

    assert [option.text for option in result.ballots["final"].opened.options] == ["Share it all", "Share nothing"]
    assert result.verdict.text in {"Share it all", "Share nothing"}
    assert result.verdict_before.tally.counted == 3


async def test_voters_read_the_options_in_orders_drawn_by_lot_and_recorded():
    participants = [ScriptedParticipant(votes_for("x")) for _ in range(4)]
    result = await circle(*participants).deliberate("Which?", options=["one", "two", "three", "four"])
    readings = result.ballots["final"].opened.readings

    assert len({tuple(reading) for reading in readings.values()}) > 1
    for participant, name in zip(participants, ("Ada", "Ben", "Cho", "Dov"), strict=True):
        shown = next(p.user for p in participant.prompts if "Round: ballot" in p.user and p.user.count("<statement") > 4)
        turn = shown[shown.index("<turn>") :]
        assert [line[0] for line in turn.splitlines() if line[1:3] == ": "] == list(readings[name])


async def test_who_votes_on_statements_does_not_see_who_made_them():
    participants = [ScriptedParticipant(votes_for("x")) for _ in range(3)]
    await circle(*participants).deliberate("Should we?")
    ballot = [p for p in participants[0].prompts if "Round: ballot" in p.user][-1]

    assert 'in="synthesis"' not in ballot.user


async def test_nobody_votes_for_their_own_statement():
    made = circle(votes_for("Ada"), votes_for("Ben"), votes_for("Cho"))
    result = await made.deliberate("Should we?")
    record = result.ballots["final"]
    authors = {option.label: option.author for option in record.opened.options}

    assert all(authors[ballot.choice] != seat for seat, ballot in record.cast.items())


async def test_an_unreadable_ballot_is_asked_for_again_and_then_spoiled_with_its_reason():
    tries = []

    def stubborn(prompt, settings):
        if settings.schema is None:
            return "I keep my own counsel."
        tries.append(prompt.user)
        return "I vote for the best one."

    result = await circle(stubborn, votes_for("Ada"), votes_for("Ada")).deliberate("Should we?")
    spoiled = result.ballots["final"].spoiled["Ada"]

    assert "no JSON object" in spoiled.reason
    assert "could not be counted" in tries[1]
    assert result.status == "degraded"
    assert any("spoiled" in remark for remark in result.state.ended.remarks)


async def test_a_repaired_ballot_counts_and_says_so():
    answers = iter(['{"choice": "Z"}'])

    def second_time(prompt, settings):
        if settings.schema is None:
            return "I speak."
        return next(answers, None) or first_choice(settings)

    events = EventRecorder()
    made = circle(second_time, votes_for("Ada"), votes_for("Ada"))
    made.bus.subscribe(events, kinds.BallotCast)
    await made.deliberate("Should we?")

    assert [e.repaired for e in events.events if e.ballot.seat == "Ada"] == [True, False]


async def test_dissent_is_asked_for_and_kept_in_its_own_words():
    def loner(prompt, settings):
        if "You did not support the outcome" in prompt.user:
            return "Because nobody asked the children."
        return votes_for("B")(prompt, settings) if settings.schema is None else '{"reason": "no", "choice": "B"}'

    agree = votes_for("x")

    def follow(prompt, settings):
        return agree(prompt, settings) if settings.schema is None else '{"reason": "yes", "choice": "A"}'

    result = await circle(loner, follow, follow).deliberate("Which?", options=["yes", "no"])

    assert result.verdict.option == "A"
    assert result.verdict.dissent == ("Ada",)
    assert result.state.dissent == {"Ada": "Because nobody asked the children."}


async def test_a_circle_of_one_works():
    result = await circle(["I think we should try it for a year."]).deliberate("Should we?")

    assert result.status == "complete"
    assert result.verdict.text == "I think we should try it for a year."


async def test_a_participant_may_pass():
    made = circle([Response(text="nothing new from me", passed=True)], ["I speak."], ["I speak too."])
    result = await made.deliberate("Should we?", options=["yes", "no"])

    assert result.state.turns["r0.Ada"] == "pass"
    assert not any(s.seat == "Ada" for s in result.statements)


async def test_the_stream_yields_every_event_and_ends():
    seen = [event async for event in circle(["One."], ["Two."]).stream("Should we?", options=["yes", "no"])]

    assert seen[0].kind == "deliberation_convened"
    assert seen[-1].kind == "deliberation_ended"
    assert {"turn_delta", "turn_scored", "ballot_cast"} <= {event.kind for event in seen}
    assert [e.seq for e in seen if e.recorded] == list(range(1, seen[-1].seq + 1))


async def test_every_event_names_the_one_that_led_to_it():
    result = await circle(["One."], ["Two."]).deliberate("Should we?", options=["yes", "no"])
    ids = [event.id for event in result.events]

    assert all(event.caused_by in ids[:place] for place, event in enumerate(result.events) if place)


def test_a_plain_script_needs_no_event_loop():
    assert circle(["One."], ["Two."]).deliberate_sync("Should we?", options=["yes", "no"]).status == "complete"


async def test_the_same_seed_gives_the_same_deliberation():
    runs = [await circle(*[votes_for("Ben")] * 3, seed=11).deliberate("Should we?") for _ in range(2)]

    assert [s.text for s in runs[0].statements] == [s.text for s in runs[1].statements]
    assert runs[0].ballots["final"].opened.readings == runs[1].ballots["final"].opened.readings


async def test_the_result_is_a_pure_fold_of_its_events():
    result = await circle(["One."], ["Two."]).deliberate("Should we?", options=["yes", "no"])

    assert Deliberation.from_events(list(result.events)) == result


@pytest.mark.parametrize(
    ("question", "options", "part"),
    [
        ("  ", (), "empty"),
        ("Q?", ("only one",), "1 options"),
        ("Q?", ("a", " a"), "no two the same"),
        ("Q?", ("a", " "), "must say something"),
    ],
)
async def test_a_question_nobody_can_answer_is_refused(question, options, part):
    with pytest.raises(QuestionError, match=part):
        await circle(["One."]).deliberate(question, options=options)


async def test_an_empty_circle_is_refused():
    with pytest.raises(NoParticipants, match="add_participant"):
        await FireCircle(journal=":memory:").deliberate("Should we?")


@pytest.mark.parametrize("name", ["", "Ada", 'A"b', "a<b", "Convener", "a\nb", " Ada"])
def test_a_name_that_could_confuse_is_refused(name):
    made = circle(["One."])
    with pytest.raises(ConfigurationError):
        made.add_participant(ScriptedParticipant(), name=name)


def test_seats_without_a_persona_get_different_ones():
    made = FireCircle(journal=":memory:")
    seats = [made.add_participant(ScriptedParticipant()) for _ in range(7)]

    assert len({seat.name for seat in seats}) == 7
    assert seats[0].persona.role


async def test_a_plan_without_a_ballot_ends_with_the_last_round():
    plan = Plan(rounds=(RoundPlan(kind="exploration", order="round-robin"),), decision=DecisionPlan(rule="none"))
    result = await circle(["One."], ["Two."], plan=plan).deliberate("What have we not seen yet?")

    assert result.status == "complete"
    assert result.verdict is None
    assert len(result.statements) == 2


async def test_weights_count():
    made = FireCircle(journal=":memory:", seed=1)
    made.add_participant(ScriptedParticipant(['{"reason": "a", "choice": "A"}']), persona=Persona(name="Ada"), weight=3)
    for name in ("Ben", "Cho"):
        made.add_participant(ScriptedParticipant(['{"reason": "b", "choice": "B"}']), persona=Persona(name=name))
    result = await made.deliberate("Which?", options=["one", "two"])

    assert result.verdict.option == "A"


class Wishing(ScriptedParticipant):
    def __init__(self, script, *, score_weight=1.0, track_reciprocity=True):
        super().__init__(script)
        self.score_weight = score_weight
        self.track_reciprocity = track_reciprocity


async def test_a_seat_can_be_left_out_of_reciprocity_and_of_the_aggregate():
    def run(weight, track):
        made = circle(Wishing(["We alone decide about our data."], score_weight=weight, track_reciprocity=track), ["Sell it all to them."])
        return made.deliberate("Who decides?", options=["we", "they"])

    with_it, without = await run(1.0, track=True), await run(0.0, track=False)
    of_ada = [score for s in without.statements if s.seat == "Ada" for score in without.scores[s.turn] if score.dimension == "reciprocity"]

    assert all(score.value is None for score in of_ada)
    assert "not tracked" in of_ada[-1].reason
    assert with_it.mean_scores() != without.mean_scores()


async def test_earlier_decisions_on_the_matter_are_cited():
    journal = MemoryJournal()
    plan = Plan(rounds=default_plan().rounds, precedents=2)
    first = await circle(*[votes_for("x")] * 3, journal=journal).deliberate(
        "Who may read the weather data of the village?", options=["Everybody", "Members only"]
    )
    await circle(*[votes_for("x")] * 3, journal=journal).deliberate("Shall we paint the school blue?", options=["Blue", "Green"])
    ada = ScriptedParticipant(votes_for("x"))
    later = await circle(ada, *[votes_for("x")] * 2, journal=journal, plan=plan).deliberate("Should the village sell its weather data?")

    assert f"[{first.id}]" in later.transcript.context
    assert first.verdict.text in later.transcript.context
    assert "school" not in later.transcript.context
    assert f"[{first.id}]" in ada.prompts[0].user


async def test_the_text_of_a_deliberation_is_its_minutes():
    result = await circle(["We keep it in the village."], ["We sell it."], ["We wait."]).deliberate("Who decides?", options=["we", "they"])
    minutes = str(result)

    assert "Who decides?" in minutes
    assert all(text in minutes for text in ("We keep it in the village.", "We sell it.", "We wait."))
    assert result.id in minutes
    assert len(repr(result)) < 200
