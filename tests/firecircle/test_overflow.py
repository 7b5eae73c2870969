"""A server that turns out to hold less than it said: the transcript is shortened once, and the turn is taken after all."""

import asyncio

from stand_in import StandIn, as_json, models, stream

from mallku.dialogue.participant import ParticipantFacts
from mallku.errors import ContextOverflow
from mallku.firecircle import DecisionPlan, FailurePolicy, FireCircle, Plan, RoundPlan
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible
from mallku.testing import ScriptedParticipant

LONG = "This is my first sentence about the archive. " + "More words follow here. " * 30
PLAN = Plan(
    rounds=(RoundPlan(kind="opening"), RoundPlan(kind="exploration"), RoundPlan(kind="synthesis")),
    decision=DecisionPlan(polls=False),
    failure=FailurePolicy(strategy="strict"),
)


def server_of(window, refusal):
    """A server whose window is nowhere to be read, and which refuses what is longer, counting four bytes a token."""

    def chat(asked):
        tokens = sum(len(message["content"].encode()) for message in asked.json["messages"]) // 4
        if tokens > window:
            return as_json({"error": refusal.format(tokens=tokens, window=window)}, 400)
        return stream('{"choice": "A", "reason": "fair"}' if asked.json.get("response_format") else LONG)

    return StandIn(chat, listed=models("m", owned_by="somebody"))


async def deliberated(server):
    async with server, FireCircle(plan=PLAN, journal=":memory:", seed=2) as circle:
        for name in ("Ada", "Ben", "Cho"):
            circle.add_participant(OpenAICompatible(server.url), name=name)
        return await circle.deliberate("Should we open the archive?", options=["yes", "no"])


def of_kind(result, kind):
    return [event for event in result.events if event.kind == kind]


async def test_a_turn_that_was_too_long_is_shortened_and_taken_under_the_strictest_plan():
    result = await deliberated(server_of(1300, "This model's maximum context length is {window} tokens, you requested {tokens} tokens"))

    assert result.status == "complete"
    assert [failed.will_retry for failed in of_kind(result, "turn_failed")] == [True] * len(of_kind(result, "turn_failed"))
    assert {failed.error for failed in of_kind(result, "turn_failed")} == {"ContextOverflow"}
    assert of_kind(result, "transcript_condensed")[0].window == 1300


async def test_the_same_where_the_refusal_names_no_figure():
    result = await deliberated(server_of(1300, "Trying to keep the first tokens when the context overflows"))

    assert result.status == "complete"
    assert of_kind(result, "transcript_condensed")


async def test_rounds_are_condensed_once_though_all_seats_learn_it_at_the_same_time():
    class Small(ScriptedParticipant):
        """Says in the third round that it holds 1,200 tokens."""

        async def respond(self, prompt, settings):
            if len(self.prompts) == 3:
                self.prompts.append(prompt)
                self._facts = ParticipantFacts(model="small", context_window=1200)
                await asyncio.sleep(0)
                raise ContextOverflow("too long", window=1200)
            async for part in super().respond(prompt, settings):
                yield part

        async def count_tokens(self, prompt):
            await asyncio.sleep(0)
            return await super().count_tokens(prompt)

        @property
        def facts(self):
            return getattr(self, "_facts", ParticipantFacts(model="small"))

    plan = Plan(rounds=(*PLAN.rounds[:2], RoundPlan(kind="synthesis", order="simultaneous")), decision=PLAN.decision)
    async with FireCircle(plan=plan, journal=":memory:", seed=2) as circle:
        for name in ("Ada", "Ben", "Cho"):
            circle.add_participant(Small([LONG]), name=name)
        result = await circle.deliberate("Should we open the archive?", options=["yes", "no"])
    said = of_kind(result, "statement_made")
    condensed = [event.round_index for event in of_kind(result, "transcript_condensed") if event.seq < said[6].seq]

    assert condensed == [0]
    assert len(said) == 9
