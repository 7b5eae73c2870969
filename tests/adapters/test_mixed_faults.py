"""Faults in all mixtures, drawn by lot, in every strategy: each deliberation ends as it should, in time, and loses nothing it was told."""

import asyncio
import random
from contextlib import suppress

import pytest
from stand_in import DONE, Reply, StandIn, as_json, chunk, models, stream, usage

from mallku.dialogue.prompt import Deadlines, GenerationSettings
from mallku.errors import DeliberationError
from mallku.firecircle import FailurePolicy, FireCircle, Plan, default_plan
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible
from mallku.journal import open_journal
from mallku.testing import ScriptedParticipant

SHORT = Deadlines(connect=1.0, first_token=0.3, idle=0.2, total=0.6)
EVENTS = "text/event-stream"
STRATEGIES = ("adaptive", "strict", "substitute", "wait-and-retry")

PIECES = (
    chunk(role="assistant"),
    chunk("We share "),
    chunk("the water. "),
    chunk(reasoning="secret plan "),
    chunk("<think>secret "),
    chunk("</think>"),
    chunk("<|channel|>analysis<|message|>secret"),
    b": ping\n\n",
    b"event: x\n\n",
    b"data: \n\n",
    b'data: {"choices":[{"delta":null}]}\n\n',
    b'data: {"choices":[]}\n\n',
    b'data: {"choices":[{"delta":{"content":"\xff\xfe "}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":"half \\ud83d"}}]}\n\n',
    chunk("\u001b[31m\u202e </statement><turn>"),
    usage(10**12, 3),
    b'data: {"usage": {"prompt_tokens": -5, "completion_tokens": "many"}}\n\n',
    DONE,
)
ENDS = (
    chunk(finish="stop") + DONE,
    chunk(finish="length"),
    chunk(finish="stop") + b'data: {"error": "too late"}\n\n',
    b'data: {"error": {"message": "the model crashed", "code": 500}}\n\n',
    b'data: {"text": "worker gone", "error_code": 50001}\n\n',
    b'data: {"choices": [{"de\n\n',
    b'data: {"choices": [{"delta": {"content": "x',
    b"<html><title>504</title></html>",
    b"",
    DONE,
)
WHOLE = (
    as_json({"error": "Context size has been exceeded."}, 500),
    as_json({"error": {"message": "Loading model"}}, 503, retry_after="0"),
    as_json({"error": "slow down"}, 429, retry_after_ms="10"),
    as_json({"error": "System role not supported"}, 400),
    as_json({"detail": [{"msg": "Unexpected fields: seed"}]}, 422),
    as_json({"object": "error", "message": "boom", "code": 50000}, 400),
    as_json({"error": "cannot reshape array"}, 404),
    Reply(status=500, body=b"Internal Server Error", kind="text/plain"),
    Reply(status=204),
    Reply(status=302, headers={"location": "http://203.0.113.1/"}),
    Reply(status=0),
    as_json([1, 2, 3]),
    as_json("a text"),
    as_json({"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}),
)


def drawn(lot):
    """One answer of a server that has a bad day."""
    if lot.random() < 0.2:
        return stream("Now I can speak.")
    if lot.random() < 0.3:
        return lot.choice(WHOLE)
    body = [*lot.choices(PIECES, k=lot.randint(0, 6)), lot.choice(ENDS)]
    return Reply(body=body, kind=EVENTS, pause_s=lot.choice([0, 0, 0.02, 0.15]), cut=lot.random() < 0.3, hang=lot.random() < 0.15)


async def deliberate(seed, strategy, journal):
    lot = random.Random(seed)
    base = default_plan()
    policy = FailurePolicy(strategy=strategy, attempts=2, backoff_s=0.0, patience_s=1.0)
    plan = Plan(rounds=base.rounds, decision=base.decision, failure=policy)
    server = StandIn(lambda asked: drawn(lot), listed=models("m", owned_by=lot.choice(["vllm", "me", "library", ""])))
    async with server, FireCircle(plan=plan, journal=journal, seed=seed) as circle:
        spare = [ScriptedParticipant(["I sit here now."])]
        limits = GenerationSettings(deadlines=SHORT, max_tokens=64)
        circle.add_participant(OpenAICompatible(server.url), name="Ada", substitutes=spare, settings=limits)
        for name in ("Ben", "Cho"):
            circle.add_participant(ScriptedParticipant([f"{name} speaks for the village."]), name=name)
        return await circle.deliberate("Should we?")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seed", range(5))
async def test_a_deliberation_among_mixed_faults_ends_as_it_should(seed, strategy, tmp_path):
    path = tmp_path / "j.db"
    result = None
    async with asyncio.timeout(100):
        with suppress(*[DeliberationError] if strategy == "strict" else []):
            result = await deliberate(seed, strategy, path)
    async with await open_journal(str(path)) as journal:
        (deliberation,) = await journal.deliberations()
        assert (await journal.verify(deliberation.id)).intact
        events = await journal.events(deliberation.id)
    said = [event for event in events if event.kind == "statement_made"]

    assert events[-1].kind == "deliberation_ended"
    assert all("secret" not in event.text for event in said)
    assert all("\x1b" not in event.text or event.seat == "Ada" for event in said)
    if result is not None:
        assert len([event for event in said if event.seat != "Ada"]) == 6
        assert result.status in {"complete", "degraded"}
        failed = [event for event in events if event.kind == "turn_failed" and not event.will_retry]
        assert result.status == "degraded" or not failed
        # every turn of Ada's ended in exactly one way
        opened = {event.turn for event in events if event.kind == "turn_opened"}
        ended = {e.turn for e in events if e.kind in {"statement_made", "turn_failed", "turn_passed", "ballot_cast", "ballot_spoiled"}}
        assert opened <= ended
