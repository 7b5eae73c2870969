"""The ledger of positions where options arise from the circle's own statements, and where a change cannot be judged."""

import json

import pytest

from mallku.errors import EndpointRefused
from mallku.firecircle import DecisionPlan, FireCircle, Plan, RoundPlan
from mallku.firecircle.minutes import take_minutes, to_markdown
from mallku.testing import ScriptedParticipant

NAMES = ("Ada", "Ben", "Cho", "Dov")
OPENING = RoundPlan(kind="opening", visibility="sealed")
PROPOSALS = RoundPlan(kind="proposal", visibility="previous-rounds")
EXCHANGE = RoundPlan(kind="reflection", order="round-robin", instruction="Talk about the proposals.")


def wants(author_before, author_after=None, *, spoil=()):
    """Return a script that votes for one author's proposal before the exchange and for another's after it."""
    asked = []

    def reply(prompt, settings):
        if settings.schema is None:
            worry = "I listen." if prompt.seat == "Cho" else "The nitrate figures worry me."
            about = {
                "proposal": f"{prompt.seat} proposes the {prompt.seat.lower()} orchard.",
                "reflection": worry,
            }
            return next((text for kind, text in about.items() if f"Round: {kind}" in prompt.user), f"{prompt.seat} proposes the talk.")
        asked.append(prompt)
        if len(asked) in spoil:
            return "I would rather not say."
        wanted = author_after if author_after and "nitrate" in prompt.user else author_before
        shown = [line for line in prompt.user[prompt.user.index("<turn>") :].splitlines() if "proposes the" in line or "opt " in line]
        label = next((line[0] for line in shown if f"{wanted} proposes" in line or f"opt {wanted}" in line), shown[0][0])
        field = next(name for name in settings.schema["properties"] if name != "reason")
        filled = {"choice": label, "ranking": [label], "approve": [label], "position": "consent"}[field]
        return json.dumps({"reason": "The nitrate figures worry me too.", field: filled})

    return reply


def circle(scripts, *rounds, **decision):
    made = FireCircle(plan=Plan(rounds=rounds, decision=DecisionPlan(**decision)), journal=":memory:", seed=5)
    for name, script in zip(NAMES, scripts, strict=False):
        made.add_participant(ScriptedParticipant(script), name=name)
    return made


async def test_a_ballot_on_the_proposals_before_the_exchange_about_them_shows_who_moved():
    made = circle(
        [wants("Ben"), wants("Ada"), wants("Ada", "Ben"), wants("Ada")],
        OPENING,
        PROPOSALS,
        EXCHANGE,
        RoundPlan(kind="vision"),
        rule="plurality",
        candidates_from=1,
    )
    result = await made.deliberate("What shall we plant?")
    ledger = result.state.ledger

    assert list(result.ballots) == ["before", "poll-1", "final"]
    assert (ledger.baseline, ledger.compared, ledger.reason) == ("poll-1", "final", "")
    assert [(change.seat, change.before, change.after) for change in result.state.changes] == [("Cho", "A", "B")]
    assert set(ledger.held) == {"Ada", "Ben", "Dov"}
    assert result.ballots["poll-1"].opened.rule == "plurality"


async def test_the_isolated_re_ask_is_held_on_proposals_too():
    made = circle(
        [wants("Ben"), wants("Ada"), wants("Ada", "Ben"), wants("Ada")],
        OPENING,
        PROPOSALS,
        EXCHANGE,
        rule="plurality",
        candidates_from=1,
        control_ballot=True,
    )
    result = await made.deliberate("What shall we plant?")
    alone = [prompt.user for prompt in made.seats[2].participant.prompts if "Round: ballot" in prompt.user][-2]

    assert list(result.ballots) == ["before", "poll-1", "control", "final"]
    assert 'in="reflection"' not in alone
    assert 'by="Cho" in="opening"' in alone
    assert result.state.changes[0].cause != "on self-reflection alone"


async def test_where_the_options_arise_after_the_exchange_it_is_said_that_no_change_can_be_judged():
    result = await circle([wants("Ben"), wants("Ada"), wants("Ada")], OPENING, PROPOSALS, rule="plurality").deliberate(
        "What shall we plant?"
    )
    page = to_markdown(take_minutes(result.events))

    assert result.state.ledger.baseline == ""
    assert "arose from the circle's own statements in round 2 (proposal)" in result.state.ledger.reason
    assert "Whether anybody changed position cannot be judged: the options of the last ballot arose" in page
    assert "Nobody ended elsewhere" not in page


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        ({"ballot_before": False}, "No ballot was held before the exchange."),
        ({"rule": "consensus", "selection_rule": "borda"}, ""),
    ],
)
async def test_every_way_of_deciding_says_what_it_compared(decision, reason):
    result = await circle([wants("1"), wants("1"), wants("2")], OPENING, EXCHANGE, **{"rule": "plurality", **decision}).deliberate(
        "What shall we plant?", options=["opt 1", "opt 2"]
    )

    assert result.state.ledger.reason == reason


async def test_a_seat_without_both_ballots_is_named_as_not_judged():
    def leaves(prompt, settings):
        return EndpointRefused("401", status=401) if "Round: reflection" in prompt.user else wants("1")(prompt, settings)

    result = await circle([wants("1"), wants("1", spoil=(1, 2)), leaves, wants("1")], OPENING, EXCHANGE, rule="plurality").deliberate(
        "What shall we plant?", options=["opt 1", "opt 2"]
    )
    page = to_markdown(take_minutes(result.events))

    assert result.state.ledger.unjudged == {
        "Ben": "no valid ballot before the exchange",
        "Cho": "no valid ballot in the last ballot",
    }
    assert "Of Ben it cannot be judged: no valid ballot before the exchange." in page


async def test_a_single_proposal_is_voted_on_before_and_after_in_positions():
    def turns(prompt, settings):
        if settings.schema is None:
            return "The nitrate figures worry me."
        position = "block" if "nitrate" in prompt.user and prompt.seat == "Ben" and 'by="Ada"' in prompt.user else "consent"
        return json.dumps({"reason": "The figures.", "position": position})

    result = await circle([turns] * 3, OPENING, EXCHANGE, rule="consensus").deliberate("Shall we?", options=["Lease the well"])

    assert result.ballots["before"].opened.ballot_kind == "position"
    assert [(change.seat, change.before, change.after) for change in result.state.changes] == [("Ben", "consent", "block")]
    assert result.verdict_before.status == "decided"
    assert result.verdict.status == "not decided"


async def test_what_was_heard_before_the_first_ballot_cannot_have_moved_anybody():
    made = circle(
        [wants("Ben"), wants("Ada"), wants("Ada", "Ben"), wants("Ada")], OPENING, PROPOSALS, EXCHANGE, rule="plurality", candidates_from=1
    )
    result = await made.deliberate("What shall we plant?")

    assert all(turn.startswith("r2.") for change in result.state.changes for turn in change.turns)
    assert result.state.changes[0].turns
