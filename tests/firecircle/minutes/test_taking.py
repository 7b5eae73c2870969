"""Minutes say what happened, whole and linked."""

import json
from dataclasses import replace

import pytest
from scripted_seats import seated

from mallku.dialogue.response import Response, Timings, Usage
from mallku.errors import JournalDamaged
from mallku.events.kinds import DeliberationConvened, PositionChanged, RoundOpened, SeatSubstituted, SummaryWritten
from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.firecircle.decisions.rules import RULE_NAMES
from mallku.firecircle.minutes import broken_links, take_minutes, to_html, to_json, to_markdown, unsupported_quotes
from mallku.firecircle.minutes.links import claims_of
from mallku.firecircle.minutes.rule_words import rule_in_words
from mallku.journal import open_journal
from mallku.testing import ScriptedParticipant


@pytest.fixture
def minutes(rich):
    return take_minutes(rich.events)


def test_the_outcome_is_said_first_with_its_figures(minutes):
    assert minutes.outcome[0].text.startswith(
        "The circle chose option A, “A rota”, under the rule “majority” (more than half of the votes cast): "
        "2 of 4 seats support it (1 against, 1 missing)"
    )
    assert minutes.outcome[0].turns == ("final.Ada", "final.Ben", "final.Cleo")
    assert minutes.outcome[1].text == "For it: Ada and Cleo. Against: Ben. No valid ballot: Dov."
    assert minutes.outcome[2].text == "Before the exchange the same seats would have decided otherwise: option B."
    assert minutes.outcome[2].turns == ("before.Ada", "before.Ben", "before.Cleo")


def test_reasons_stand_under_the_option_they_speak_for_in_the_voters_words(minutes):
    won, other = minutes.arguments

    assert (won.label, won.won, [claim.seat for claim in won.reasons_for]) == ("A", True, ["Ada", "Cleo"])
    assert [(claim.text, claim.turns) for claim in other.reasons_for] == [("Meters work.", ("final.Ben",))]


def test_dissent_stands_in_its_own_words(minutes):
    assert [(claim.seat, claim.text, claim.turns) for claim in minutes.dissent] == [("Ben", "I cannot vouch for a rota.", ("dissent.Ben",))]


def test_questions_of_the_last_round_stay_open(minutes):
    assert [(claim.seat, claim.text, claim.turns) for claim in minutes.open_points] == [("Ada", "Who keeps it?", ("r1.Ada",))]


def test_a_change_of_position_is_listed(minutes):
    assert [(change.seat, change.before, change.after) for change in minutes.changes] == [("Cleo", "B", "A")]


def test_who_was_missing_is_said_and_linked(minutes):
    told = {claim.text: claim.turns for claim in minutes.caveats}

    assert minutes.status == "degraded"
    assert any("r0.Dov" in text and turns == ("r0.Dov",) for text, turns in told.items())
    assert any("spoiled" in text for text in told)
    assert any("weights" in text for text in told)


def test_spoiled_ballots_are_listed_with_their_reason(minutes):
    final = next(ballot for ballot in minutes.ballots if ballot.stage == "final")

    assert [(turn, spoiled.seat) for turn, spoiled in final.spoiled] == [("final.Dov", "Dov")]
    assert final.spoiled[0][1].reason


def test_the_same_ballots_are_counted_under_other_rules(minutes):
    final = next(ballot for ballot in minutes.ballots if ballot.stage == "final")

    assert {tally.rule for tally in final.recounts} >= {"plurality"}
    assert final.comparison


def test_seats_stand_with_model_place_and_shared_weights(minutes):
    ada, _, cleo, dov = minutes.seats

    assert (ada.model, ada.location, ada.shares_weights_with) == ("small.gguf", "in-process", ("Ben", "Dov"))
    assert cleo.shares_weights_with == ()
    assert (dov.location, dov.address, dov.statements) == ("loopback", "127.0.0.1", 1)


def test_every_link_leads_to_a_turn_and_every_quote_was_said(minutes):
    assert broken_links(minutes) == ()
    assert unsupported_quotes(minutes) == ()
    assert minutes.check.startswith(f"All {sum(len(claim.turns) for claim in claims_of(minutes))} links of its claims lead to a turn")
    assert minutes.check in to_markdown(minutes)
    assert {"r0.Ada", "r0.Dov", "before.Ben", "final.Dov", "dissent.Ben"} <= set(minutes.turns)


def test_a_link_to_a_turn_that_is_not_there_is_found(rich):
    last = rich.events[-1]
    moved = PositionChanged(
        deliberation=last.deliberation, seq=last.seq + 1, at=last.at, seat="Ada", before="A", after="B", cause="a dream", turns=("r9.Eve",)
    )

    minutes = take_minutes([*rich.events, moved])
    assert broken_links(minutes) == ("r9.Eve",)
    assert minutes.caveats[-1].text == "These minutes have links that lead nowhere: r9.Eve."


def test_a_quote_that_nobody_said_is_found(minutes):
    invented = replace(minutes.open_points[0], text="Who stole it?")

    assert unsupported_quotes(replace(minutes, open_points=(invented,))) == (invented,)


@pytest.mark.parametrize(
    ("locations", "told"),
    [
        (("in-process", "loopback"), "No statement left this machine."),
        (("loopback", "person"), "No statement left this machine."),
        (("loopback", "private"), "No statement left the local network. Read on other machines in it by: Ben."),
        (("private", "public"), "Statements left the local network: they were read and answered outside it by Ben (203.0.113.9)."),
    ],
)
def test_where_the_words_went_is_summed_up_from_the_seats(rich, locations, told):
    convened, *others = rich.events
    assert isinstance(convened, DeliberationConvened)
    seats = [replace(seat, location="in-process", address="") for seat in convened.seats]
    for index, location in enumerate(locations):
        seats[index] = replace(seats[index], location=location, address="203.0.113.9" if location == "public" else "")

    assert take_minutes([replace(convened, seats=tuple(seats)), *others]).locality.text == told


def test_a_substitute_elsewhere_counts_for_where_the_words_went(rich):
    last = rich.events[-1]
    substituted = SeatSubstituted(
        deliberation=last.deliberation, seq=last.seq + 1, at=last.at, seat="Dov", model="far", location="public", reason="it failed"
    )
    minutes = take_minutes([*rich.events, substituted])

    assert "outside it by Dov (substitute)" in minutes.locality.text
    assert "far took over" in minutes.seats[3].substitutes[0].text


async def test_unknown_is_kept_apart_from_nothing():
    measured = Response(text="Yes.", usage=Usage(prompt_tokens=0, completion_tokens=7), timings=Timings(total_s=1.5, energy_j=0.0))
    circle = FireCircle(plan=Plan(rounds=(RoundPlan(kind="opening"),), decision=DecisionPlan(rule="none")), journal=":memory:", seed=1)
    circle.add_participant(ScriptedParticipant([measured]), name="Ada")
    circle.add_participant(ScriptedParticipant(["No."]), name="Ben")
    spending = take_minutes((await circle.deliberate("Well?")).events).spending

    assert (spending["Ada"].prompt_tokens.value, spending["Ada"].joules.value) == (0, 0.0)
    assert spending["Ben"].joules.value is None
    assert (spending[""].joules.value, spending[""].joules.whole) == (0.0, False)
    assert (spending[""].seconds.value, spending[""].seconds.whole) == (1.5, False)


async def test_no_ballot_is_no_decision():
    circle = FireCircle(plan=Plan(rounds=(RoundPlan(kind="opening"),), decision=DecisionPlan(rule="none")), journal=":memory:", seed=1)
    circle.add_participant(ScriptedParticipant(["No."]), name="Ben")
    minutes = take_minutes((await circle.deliberate("Well?")).events)

    assert [claim.text for claim in minutes.outcome] == ["No ballot was held, so nothing was decided."]
    assert minutes.verdict is None


async def test_a_tie_is_declared():
    circle = FireCircle(journal=":memory:", seed=1)
    for name, vote in (("Ada", "AA"), ("Ben", "BB")):
        circle.add_participant(seated([], vote), name=name)
    minutes = take_minutes((await circle.deliberate("Well?", options=["Yes", "No"])).events)

    assert any("tie" in claim.text for claim in minutes.outcome) or minutes.outcome[0].text == "The circle did not decide."
    assert broken_links(minutes) == ()


def test_minutes_can_be_taken_at_any_moment(rich):
    for count in range(1, len(rich.events) + 1):
        minutes = take_minutes(rich.events[:count])

        assert minutes.record.events == count
        assert broken_links(minutes) == ()
        assert unsupported_quotes(minutes) == ()
        for render in (to_markdown, to_html, to_json):
            assert render(minutes)


def test_without_a_call_there_are_no_minutes(rich):
    with pytest.raises(JournalDamaged):
        take_minutes([])


async def test_the_head_is_that_of_the_journal(rich):
    journal = await open_journal(":memory:")
    await journal.append(rich.events)
    minutes = take_minutes(rich.events)

    assert minutes.record.head == (await journal.deliberations())[0].head
    assert (await journal.verify(rich.id, head=minutes.record.head)).intact


def test_the_same_events_give_the_same_minutes(rich):
    assert to_markdown(take_minutes(rich.events)) == to_markdown(take_minutes(rich.events))


@pytest.mark.parametrize(
    ("invented", "told"),
    [((), "All its 2 quotations stand word for word"), (("nobody said this",), "Of its 2 quotations this one was said by nobody:")],
)
def test_a_summary_is_marked_as_a_models_and_its_quotations_as_checked(rich, invented, told):
    *others, ended = rich.events
    written = SummaryWritten(
        deliberation=ended.deliberation,
        seq=ended.seq,
        at=ended.at,
        turn="summary.Ada",
        seat="Ada",
        text="A rota won.",
        model="small.gguf",
        quotations=2,
        invented=invented,
    )
    minutes = take_minutes([*others, written, replace(ended, seq=ended.seq + 1)])
    page = to_markdown(minutes)

    assert "## A summary, written by Ada (small.gguf)" in page
    assert "Words of a model, not of these minutes" in page
    assert told in page
    assert broken_links(minutes) == ()


def test_secret_ballots_do_not_show_who_cast_which(rich):
    convened, *others = rich.events
    events = [replace(convened, plan={**convened.plan, "decision": {"secrecy": "secret"}}), *others]
    minutes = take_minutes(events)
    final = next(ballot for ballot in minutes.ballots if ballot.stage == "final")

    assert sorted((cast.seat, cast.reason, cast.turn) for cast in final.cast) == [(f"ballot {number}", "", "") for number in (1, 2, 3)]
    assert sorted(cast.vote for cast in final.cast) == ["A", "A", "B"]
    assert (final.verdict.support, final.verdict.dissent, minutes.changes) == ((), (), ())
    assert broken_links(minutes) == ()
    for render in (to_markdown, to_html, to_json):
        page = render(minutes)
        for telling in ("final.Ben", "dissent.Ben", "before.Ada", "Meters work."):
            assert telling not in page
        assert "2 of 4 seats support it (1 against, 1 missing)" in page


def test_a_deliberation_printed_is_its_minutes(rich):
    assert str(rich) == to_markdown(take_minutes(rich.events))


def test_private_reasoning_is_not_in_the_minutes(rich):
    events = [replace(event, reasoning="SECRET THOUGHT") if hasattr(event, "reasoning") else event for event in rich.events]
    minutes = take_minutes(events)

    assert any(getattr(event, "reasoning", "") for event in events)
    for render in (to_markdown, to_html, to_json):
        assert "SECRET THOUGHT" not in render(minutes)


async def test_a_stranger_reads_who_stood_where_and_what_the_rule_and_the_labels_mean():
    def vote(prompt, settings):
        if settings.schema is None:
            return f"The plan of {prompt.seat}."
        label = next(line[0] for line in prompt.user.splitlines() if line.endswith((": The plan of Ada.", ": The plan of Ben.")))
        return json.dumps({"reason": f"Option {label} is cheaper. A roof comes first, I think.", "ranking": [label]})

    circle = FireCircle(plan=Plan(rounds=(RoundPlan(kind="opening"),), decision=DecisionPlan(rule="schulze")), journal=":memory:", seed=1)
    for name in ("Ada", "Ben", "Cho"):
        circle.add_participant(ScriptedParticipant(vote), name=name)
    result = await circle.deliberate("Which plan?")
    page = to_markdown(take_minutes(result.events))
    cast = {ballot.seat: ballot for ballot in next(one for one in take_minutes(result.events).ballots if one.stage == "final").cast}

    assert "under the rule “schulze” (no other option beats it by a stronger chain of victories)" in page
    assert "For it: " in page
    told = {seat: dict(ballot.read_as) for seat, ballot in cast.items()}
    for seat, ballot in cast.items():
        label = ballot.reason.split()[1]
        assert told[seat] == ({} if label == ballot.vote else {label: ballot.vote})
    assert any(told.values())
    assert "in the reason is" in page


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_every_rule_is_said_in_words(rule):
    assert rule_in_words(rule.replace("SEAT", "Ada"))


async def test_joules_come_with_source_doubt_round_and_carbon():
    timings = Timings(total_s=2.0, energy_j=1800.0, energy_source="rapl", energy_uncertainty=0.1, cpu_s=3.0, peak_rss_bytes=2**30)
    answer = Response(text="Yes, the well is ours.", usage=Usage(prompt_tokens=5, completion_tokens=10), timings=timings)
    plan = Plan(rounds=(RoundPlan(kind="opening"),) * 2, decision=DecisionPlan(rule="none"), grams_co2_per_kwh=400.0)
    circle = FireCircle(plan=plan, journal=":memory:", seed=1)
    for name in ("Ada", "Ben"):
        circle.add_participant(ScriptedParticipant([answer]), name=name)
    minutes = take_minutes((await circle.deliberate("Well?")).events)
    used = minutes.spending[""]

    assert (used.joules.value, used.energy_source, used.energy_uncertainty) == (7200, "rapl", pytest.approx(0.1))
    assert (used.cpu_seconds.value, used.peak_memory_bytes, used.tokens_per_second) == (12, 2**30, 5)
    assert {index: one.joules.value for index, one in minutes.round_spending.items()} == {0: 3600, 1: 3600}
    assert minutes.co2_grams == pytest.approx(7200 / 3.6e6 * 400)
    told = to_markdown(minutes)
    assert "7,200 joules above idle (rapl, give or take 10%)" in told
    assert "0.8 g of CO2" in told


async def test_without_every_figure_there_is_no_carbon_and_without_any_no_joules():
    answer = Response(text="Yes.", timings=Timings(energy_j=10.0, energy_source="rapl"))
    plan = Plan(rounds=(RoundPlan(kind="opening"),), decision=DecisionPlan(rule="none"), grams_co2_per_kwh=400.0)
    circle = FireCircle(plan=plan, journal=":memory:", seed=1)
    circle.add_participant(ScriptedParticipant([answer]), name="Ada")
    circle.add_participant(ScriptedParticipant(["No."]), name="Ben")
    minutes = take_minutes((await circle.deliberate("Well?")).events)

    assert minutes.co2_grams is None
    assert "at least 10 joules" in to_markdown(minutes)
    assert minutes.spending["Ben"].energy_source == "none"


def test_the_talk_as_a_whole_stands_in_the_minutes(rich, minutes):
    found = minutes.conversation

    assert set(found.speakers) <= {"Ada", "Ben", "Cleo", "Dov"}
    assert found.get["Ada"] > 0
    told = to_markdown(minutes)
    assert "Who took up whom" in told
    assert "The row takes up the column" in told


def test_sealed_openings_take_nothing_up(rich):
    opened = [event for event in rich.events if isinstance(event, RoundOpened)]
    until = next(place for place, event in enumerate(rich.events) if event is opened[1])

    assert sum(take_minutes(rich.events[:until]).conversation.give.values()) == 0
