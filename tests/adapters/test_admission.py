"""Who may ask an endpoint now: places, shared memory, models, and no place ever lost."""

import asyncio

import pytest

from mallku.errors import EndpointUnreachable
from mallku.firecircle.adapters.admission import Admission
from mallku.firecircle.adapters.circuit_breaker import FAILURES, REST_S, CircuitBreaker
from mallku.firecircle.adapters.failures import retry_after_of


async def visit(admission, log, name, *, tokens=1, model="m", rounds=3):
    async with admission.admitted(tokens=tokens, model=model):
        log.append(name)
        for _ in range(rounds):
            await asyncio.sleep(0)


async def test_those_who_wait_are_let_in_in_their_order():
    admission, log = Admission(slots=1), []
    await asyncio.gather(*(visit(admission, log, number) for number in range(5)))

    assert log == [0, 1, 2, 3, 4]


async def test_a_request_larger_than_the_shared_memory_goes_alone_instead_of_never():
    admission, log = Admission(slots=4, pool=10), []
    await asyncio.gather(visit(admission, log, "small", tokens=6), visit(admission, log, "huge", tokens=99), visit(admission, log, "last"))

    assert log == ["small", "huge", "last"]


async def test_a_waiter_that_is_cancelled_leaves_no_gap():
    admission, log = Admission(slots=1), []
    async with admission.admitted(tokens=1, model="m"):
        waiting = [asyncio.create_task(visit(admission, log, number)) for number in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*waiting[1:])

    assert (log, admission.running) == ([1, 2], 0)


async def test_a_waiter_cancelled_at_the_moment_it_is_let_in_gives_its_place_back():
    admission, log = Admission(slots=1), []
    first = admission.admitted(tokens=1, model="m")
    await first.__aenter__()
    waiting = asyncio.create_task(visit(admission, log, "late"))
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await visit(admission, log, "next")

    assert (log, admission.running) == (["next"], 0)


async def test_places_given_back_while_waiters_are_being_cancelled_reach_the_living():
    admission, log = Admission(slots=1), []
    async with admission.admitted(tokens=1, model="m"):
        waiting = [asyncio.create_task(visit(admission, log, number)) for number in range(3)]
        await asyncio.sleep(0)
        for task in waiting[:2]:
            task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert (log, admission.running) == ([2], 0)


async def test_one_failure_seen_by_four_requests_halves_once():
    admission = Admission(slots=4)
    for _ in range(4):
        admission.halve(seen=4)

    assert admission.slots == 2


def test_a_circuit_opens_after_failures_in_a_row_and_lets_one_request_try_after_its_rest():
    now = [0.0]
    breaker = CircuitBreaker(clock=lambda: now[0])
    for _ in range(FAILURES):
        breaker.check("u")
        breaker.failed()
    with pytest.raises(EndpointUnreachable, match="left alone"):
        breaker.check("u")
    now[0] = REST_S + 1
    breaker.check("u")
    with pytest.raises(EndpointUnreachable):
        breaker.check("u")
    breaker.succeeded()
    breaker.check("u")

    assert not breaker.is_open


def test_one_success_between_failures_keeps_the_circuit_closed():
    breaker = CircuitBreaker(clock=lambda: 0.0)
    for _ in range(5 * FAILURES):
        breaker.failed()
        breaker.succeeded()

    assert not breaker.is_open


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("-1", 0.0), ("soon", None), ("", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)])
def test_a_retry_after_is_read_in_both_its_forms(text, seconds):
    assert retry_after_of({"retry-after": text}) == seconds
