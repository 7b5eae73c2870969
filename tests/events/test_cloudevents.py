"""Events travel as CloudEvents 1.0."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "support"))

from journal_events import START, convened, small_deliberation

from mallku.errors import BridgeError
from mallku.events.bridges.cloudevents import from_bytes, from_cloudevent, to_bytes, to_cloudevent
from mallku.events.kinds import TurnDelta


def test_events_survive_the_way_through_their_envelope():
    for event in small_deliberation():
        assert from_cloudevent(json.loads(json.dumps(to_cloudevent(event)))) == event
        assert from_bytes(to_bytes(event)) == event


def test_an_envelope_has_what_the_specification_asks_for():
    for event in small_deliberation():
        envelope = to_cloudevent(event)

        assert envelope["specversion"] == "1.0"
        assert all(isinstance(envelope[name], str) and envelope[name] for name in ("id", "source", "type", "subject", "time"))
        assert all(re.fullmatch("[a-z0-9]+", name) for name in envelope)
        assert envelope["type"] == f"mallku.{event.kind}"


def test_a_recorded_event_has_one_id_and_passing_ones_their_own():
    delta = TurnDelta(deliberation="d1", seq=1, at=START, turn="t", seat="Ada", channel="text", text="x")

    assert to_cloudevent(convened())["id"] == to_cloudevent(convened())["id"]
    assert to_cloudevent(delta, nonce=".1")["id"] != to_cloudevent(delta, nonce=".2")["id"] != to_cloudevent(convened())["id"]


def test_sequences_sort_as_text():
    sequences = [to_cloudevent(event)["sequence"] for event in small_deliberation()]

    assert sequences == sorted(sequences)


def test_attributes_that_are_not_known_are_no_fault():
    assert from_cloudevent({**to_cloudevent(convened()), "traceparent": "00-1", "dataschema": "x"}) == convened()


ENVELOPE = to_cloudevent(convened())


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {**ENVELOPE, "specversion": "0.3"},
        {**ENVELOPE, "type": "com.example.order"},
        {**ENVELOPE, "type": "mallku.round_closed"},
        {**ENVELOPE, "data": "text"},
        {**ENVELOPE, "data": {"kind": "deliberation_convened"}},
        {**ENVELOPE, "type": "mallku.dream", "data": {"kind": "dream"}},
    ],
)
def test_what_is_none_of_ours_is_refused(wrong):
    with pytest.raises(BridgeError) as caught:
        from_cloudevent(wrong)
    assert caught.value.hint


def test_what_is_not_json_is_refused():
    with pytest.raises(BridgeError):
        from_bytes(b"\xff{")
