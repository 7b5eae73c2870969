"""Every fault of a real connection, in every strategy: the deliberation ends in the status it should, and nothing is lost."""

import pytest
from stand_in import Reply, StandIn, as_json, chunk, models, stream

from mallku.dialogue.prompt import Deadlines, GenerationSettings
from mallku.errors import DeliberationError
from mallku.firecircle import FailurePolicy, FireCircle, Plan, default_plan
from mallku.firecircle.adapters.openai_compatible import OpenAICompatible
from mallku.testing import ScriptedParticipant

SHORT = Deadlines(connect=1.0, first_token=0.3, idle=0.15, total=0.6)
PATIENT = Deadlines(connect=2.0, first_token=1.0, idle=1.0, total=1.5)
EVENTS = "text/event-stream"
BEGUN = chunk("I had begun to say")


def error(status, message="it failed", **headers):
    return as_json({"error": {"message": message}}, status, **headers)


FAULTS = {
    "refuse": None,
    "reset": Reply(status=0),
    "hang before the first token": Reply(before_s=60),
    "hang in the middle": Reply(body=[BEGUN], kind=EVENTS, hang=True),
    "drip": Reply(body=[chunk(f"{number} ") for number in range(100)], kind=EVENTS, pause_s=0.05),
    "html": Reply(body=b"<html><title>Welcome</title></html>", kind="text/html"),
    "empty 200": Reply(kind=EVENTS),
    "error inside a 200": as_json({"error": "the model crashed"}),
    "error inside the stream": Reply(body=[BEGUN, b'data: {"error": {"message": "the model crashed"}}\n\n'], kind=EVENTS),
    "half JSON": Reply(body=[BEGUN, b'data: {"choices": [{"de\n\n'], kind=EVENTS),
    "bad UTF-8 and a cut": Reply(body=[BEGUN, b'data: {"choices":[{"delta":{"content":"\xff\xfe'], kind=EVENTS, cut=True),
    "401": error(401),
    "404": error(404, "The model `m` does not exist"),
    "429": error(429, retry_after="0"),
    "503": error(503, "server busy", retry_after="0"),
    "503 loading": error(503, "Loading model"),
    "cut in the middle": Reply(body=[BEGUN], kind=EVENTS, cut=True),
    "cut without a finish reason": stream("I had begun to say", finish=None),
    "endless repetition": stream("I had begun to say", *[" so on and on"] * 400),
}
PARTIAL = {
    "hang in the middle",
    "drip",
    "error inside the stream",
    "half JSON",
    "bad UTF-8 and a cut",
    "cut in the middle",
    "cut without a finish reason",
    "endless repetition",
}
PASSING = set(FAULTS) - {"refuse", "html", "401", "404", "half JSON", "error inside a 200", "503 loading"}
"""Faults after which asking again helps, once they are over."""


def healthy(asked):
    return stream('{"choice": "A", "reason": "fair"}' if asked.json.get("response_format") else "Now I can speak.")


def failing(fault, times):
    left = [times]

    def chat(asked):
        left[0] -= 1
        return FAULTS[fault] if left[0] >= 0 else healthy(asked)

    return chat


async def deliberate(fault, strategy, *, times=10**6, substitutes=(), deadlines=SHORT):
    base = default_plan()
    policy = FailurePolicy(strategy=strategy, attempts=2, backoff_s=0.0, patience_s=3.0)
    circle = FireCircle(plan=Plan(rounds=base.rounds, decision=base.decision, failure=policy), journal=":memory:", seed=3)
    async with StandIn(failing(fault, times), listed=models("m", owned_by="vllm")) as server:
        ada = OpenAICompatible(server.url)
        await ada.connect()
        if fault == "refuse":
            await server.stop()
        circle.add_participant(ada, name="Ada", substitutes=substitutes, settings=GenerationSettings(deadlines=deadlines))
        for name in ("Ben", "Cho"):
            circle.add_participant(ScriptedParticipant([f"{name} speaks for the village."]), name=name)
        async with circle:
            return await circle.deliberate("Should we?")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("fault", FAULTS)
async def test_adaptive_goes_on_and_keeps_what_had_arrived(fault):
    result = await deliberate(fault, "adaptive")
    from_ada = [statement for statement in result.statements if statement.seat == "Ada"]

    assert result.status == "degraded"
    assert len([statement for statement in result.statements if statement.seat != "Ada"]) == 6
    assert all(statement.partial for statement in from_ada)
    assert bool(from_ada) == (fault in PARTIAL)


@pytest.mark.parametrize("fault", FAULTS)
async def test_strict_ends_with_the_reason(fault):
    with pytest.raises(DeliberationError, match=r"Ada failed in turn r0\.Ada, and the plan is strict: .{20}") as caught:
        await deliberate(fault, "strict")

    assert caught.value.hint


@pytest.mark.parametrize("fault", FAULTS)
async def test_substitute_fills_the_seat(fault):
    result = await deliberate(fault, "substitute", substitutes=[ScriptedParticipant(["I sit here now."])])

    assert [statement.text for statement in result.statements if statement.seat == "Ada"] == ["I sit here now."] * 3
    assert result.status == "degraded"


@pytest.mark.parametrize("fault", sorted(PASSING))
async def test_wait_and_retry_outlasts_what_passes_and_the_result_is_complete(fault):
    result = await deliberate(fault, "wait-and-retry", times=1, deadlines=PATIENT)

    assert result.status == "complete"
    assert [statement.text for statement in result.statements if statement.seat == "Ada"] == ["Now I can speak."] * 3
