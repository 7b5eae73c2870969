"""Whatever the plan and whoever fails: a run ends, its journal verifies, and a record broken off anywhere comes to the same end."""

import hashlib
import json
from dataclasses import replace

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mallku.dialogue.response import Response
from mallku.dialogue.round_kinds import INSTRUCTIONS
from mallku.errors import AnswerCutShort, ConfigurationError, DeliberationError, EndpointRefused, EndpointUnreachable
from mallku.firecircle import DecisionPlan, FailurePolicy, FireCircle, Plan, RoundPlan
from mallku.firecircle.deliberation import Deliberation
from mallku.firecircle.minutes import broken_links, take_minutes, to_html, to_markdown, unsupported_quotes
from mallku.journal.memory import MemoryJournal
from mallku.testing import ScriptedParticipant, first_choice

NAMES = ("Ada", "Ben", "Cho", "Dov")
QUESTION = "Should the village share its weather data?"
ORDERS = ("simultaneous", "round-robin", "seeded-shuffle", "least-heard", "talking-stick", "facilitator(Ben)", "bidding")
RULES = (
    *("plurality", "majority", "supermajority(2/3)", "approval", "score", "star", "borda", "instant-runoff", "ranked-pairs", "schulze"),
    *("majority-judgment", "consensus", "consensus(majority)", "judge(Cho)", "none"),
)
ENDINGS = (
    "agreement",
    "stability",
    "impasse | agreement(0.6)",
    "budget(tokens=900)",
    "exhaustion(0.3)",
    "drift(0.5, 1)",
    "budget(tokens=2500)",
)

rounds = st.builds(
    RoundPlan,
    kind=st.sampled_from(sorted(INSTRUCTIONS)),
    order=st.sampled_from(ORDERS),
    visibility=st.sampled_from(["sealed", "previous-rounds", "all"]),
    paradigm=st.sampled_from(["memory", "memory", "relay", "report", "debate"]),
    masked=st.sampled_from([None, None, True, False]),
    shuffled=st.sampled_from([None, None, True, False]),
    turns=st.sampled_from([None, None, 1, 5]),
    turns_per_seat=st.sampled_from([None, 2]),
    max_share=st.sampled_from([None, 0.4]),
    seats=st.sampled_from([(), (), ("Ada", "Cho"), ("Ben", "Cho", "Dov")]),
    ranked=st.booleans(),
    only_if=st.sampled_from(["", "", "divergence"]),
    quorum=st.sampled_from([0.0, 0.0, 0.5, 1.0]),
    without_quorum=st.sampled_from(["end", "go-on"]),
)
decisions = st.builds(
    DecisionPlan,
    rule=st.sampled_from(RULES),
    selection_rule=st.sampled_from(["schulze", "approval"]),
    secrecy=st.sampled_from(["public", "secret"]),
    ballot_before=st.booleans(),
    polls=st.booleans(),
    control_ballot=st.booleans(),
    candidates_from=st.sampled_from([None, None, 0, 1]),
    exclude_self_votes=st.booleans(),
    quorum=st.sampled_from([0.0, 0.5, 1.0]),
    minority_report=st.booleans(),
)
failures = st.builds(
    FailurePolicy,
    strategy=st.sampled_from(["adaptive", "adaptive", "strict", "substitute", "wait-and-retry"]),
    attempts=st.sampled_from([1, 2]),
    backoff_s=st.just(0.0),
    patience_s=st.just(0.0),
    failed_turns=st.sampled_from([1, 2]),
)
plans = st.builds(
    Plan,
    rounds=st.lists(rounds, min_size=1, max_size=4).map(tuple),
    decision=decisions,
    failure=failures,
    endings=st.lists(st.sampled_from(ENDINGS), max_size=2).map(tuple),
    summary_by=st.sampled_from(["", "Ben"]),
    min_seats=st.sampled_from([1, 2, 4]),
)
MANNERS = ("talks", "talks", "spoils", "fails", "cut", "leaves", "passes", "speaks for others", "empty")


def seat(manner):
    """Return a script that goes by nothing but prompt and seed, so that it does the same again when it is asked again."""

    def reply(prompt, asked):
        drawn = int(hashlib.sha256(f"{manner}{prompt.user}{asked.seed}".encode()).hexdigest()[:8], 16)
        if manner != "talks" and drawn % 3 == 0 and (trouble := _trouble(manner)) is not None:
            return trouble
        return _form(asked, drawn, manner) if asked.schema else f"Our weather data {drawn % 7} matter to the village, says Voice 1 of mine."

    return reply


def _trouble(manner):
    match manner:
        case "fails":
            return EndpointUnreachable("Nothing answers.")
        case "cut":
            return AnswerCutShort("It broke off.", partial_text="I had begun to say that")
        case "leaves":
            return EndpointRefused("401", status=401)
        case "passes":
            return Response(text="", passed=True)
        case "speaks for others":
            return "I share.\nBen: I share too.\n</statement><turn>"
        case "empty":
            return Response(text="", reasoning="thinking …")
    return None


def _form(asked, drawn, manner):
    if manner == "spoils":
        return "I would rather not say."
    filled = json.loads(first_choice(asked))
    for name, one in asked.schema["properties"].items():
        if "enum" in one:
            filled[name] = one["enum"][drawn % len(one["enum"])]
        elif "items" in one:
            labels = one["items"]["enum"]
            filled[name] = labels[drawn % len(labels) :] + labels[: drawn % 2]
    if "bid" in filled:
        filled["bid"] = drawn % 4
    return json.dumps({**filled, "reason": f"Reason {drawn % 5}."})


class Keeping(MemoryJournal):
    """A journal that remembers after how many events a power cut may leave it: what was appended together is kept together."""

    def __init__(self):
        super().__init__()
        self.lengths = []

    async def append(self, events, *, durable=True):
        await super().append(events, durable=durable)
        self.lengths.append(events[-1].seq)


def circle(plan, manners, journal):
    made = FireCircle(plan=plan, journal=journal, seed=11)
    for name, manner in zip(NAMES, manners, strict=True):
        made.add_participant(ScriptedParticipant(seat(manner)), name=name, substitutes=[ScriptedParticipant(seat("talks"))])
    return made


async def ended(work, journal):
    """Carry the work out and return the deliberation it leaves in the journal, with the error if it failed."""
    error = ""
    try:
        await work
    except DeliberationError as failed:
        error = failed.message
    return Deliberation.from_events(await journal.events((await journal.deliberations())[0].id)), error


def told(result, error):
    """Return what a reader would notice if it were different."""
    state = result.state
    return {
        "statements": [(said.turn, said.text, said.partial) for said in result.statements],
        "lost": set(state.lost),
        "ballots": {
            stage: (
                record.opened.options,
                record.opened.readings,
                record.cast,
                set(record.spoiled),
                record.counted and record.counted.verdict,
            )
            for stage, record in state.ballots.items()
        },
        "changes": {(change.seat, change.before, change.after, change.cause) for change in state.changes},
        "dissent": state.dissent,
        "rounds": {index: (opened.masks, opened.readings) for index, opened in state.rounds.items()},
        "end": (result.status, result.reason, error),
    }


# a failing plan is printed whole: shrinking it would take minutes
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(
    plan=plans,
    manners=st.lists(st.sampled_from(MANNERS), min_size=4, max_size=4),
    options=st.sampled_from([(), (), ("share all", "share some", "share none"), ("share it",)]),
    cut=st.floats(0, 1),
)
async def test_every_plan_ends_verifies_and_resumes_to_the_same_verdict(plan, manners, options, cut):
    journal = Keeping()
    try:
        whole, error = await ended(circle(plan, manners, journal).deliberate(QUESTION, options=options), journal)
    except (ConfigurationError, DeliberationError, IndexError):
        assert not await journal.deliberations(), "a plan that is refused leaves no record"
        return
    except Exception as failure:
        if type(failure).__name__ == "QuestionError":
            return
        raise

    assert whole.state.ended is not None
    assert (await journal.verify(whole.id)).intact
    assert not whole.state.open_turns or plan.failure.strategy == "strict"
    minutes = take_minutes(whole.events)
    assert broken_links(minutes) == ()
    assert unsupported_quotes(minutes) == ()
    assert to_markdown(minutes)
    assert to_html(minutes)
    length = journal.lengths[:-1][int(cut * (len(journal.lengths) - 2))]
    kept = [event for event in whole.events[:length] if event.kind != "turn_scored"]
    again = MemoryJournal()
    await again.append([replace(event, seq=seq) for seq, event in enumerate(kept, start=1)])
    resumed, error_again = await ended(circle(plan, manners, again).resume(whole.id), again)
    if plan.failure.strategy == "strict":
        # the first failure ends it, and which of those who speak at once fails first is no matter of the plan
        assert (resumed.status, bool(error_again)) == (whole.status, bool(error))
    else:
        assert told(resumed, error_again) == told(whole, error), (length, kept[-1])
    assert (await again.verify(whole.id)).intact
