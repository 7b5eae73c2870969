"""A key that is planted in the settings turns up nowhere but in the request's own header."""

import logging

import pytest
from stand_in import StandIn, as_json, models, stream

from mallku.errors import MallkuError
from mallku.events.codec import canonical_json
from mallku.firecircle import FireCircle
from mallku.firecircle.adapters.examination import examine
from mallku.firecircle.adapters.local_adapter import LocalAdapterConfig, LocalAIAdapter
from mallku.testing import EventRecorder

KEY = "sk-planted-5d41402abc4b2a76"


def healthy(asked):
    return stream('{"choice": "A", "reason": "fair"}' if asked.json.get("response_format") else "We share it.")


async def test_no_log_event_journal_error_or_repr_shows_the_key(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    shown = []
    async with StandIn(healthy, listed=models("m", owned_by="vllm")) as server:
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, api_key=KEY))
        circle, events = FireCircle(journal=tmp_path / "j.db"), EventRecorder()
        circle.bus.subscribe(events)
        circle.add_participant(adapter)
        result = await circle.deliberate("Should we share the water?")
        shown += [repr(adapter), repr(adapter.config), str(adapter.facts), str(adapter.profile), str(result), repr(result)]
        shown += [str(examined) async for examined in examine(adapter)]
        sent = [asked.headers["authorization"] for asked in server.asked]
        server.chat = as_json({"error": {"message": "invalid key"}}, 401)
        with pytest.raises(MallkuError) as caught:
            await circle.deliberate("Again?")
        await circle.close()
    shown += [repr(caught.value), str(caught.value), caplog.text, *capfd.readouterr()]
    shown += [canonical_json(event) for event in events.events]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert set(sent) == {f"Bearer {KEY}"}
    assert len(events.events) > 10
    assert KEY not in "\n".join(shown)
    assert KEY.encode() not in kept
