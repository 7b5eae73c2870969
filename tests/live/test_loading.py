"""Loading a model is told on the bus."""

import pytest

from mallku.assembly.seating import seat_participant
from mallku.engine import EnginePool
from mallku.events.kinds import ModelLoading
from mallku.firecircle import FireCircle
from mallku.testing import EventRecorder

pytestmark = pytest.mark.live


async def test_the_share_of_the_weights_that_is_loaded_is_told_up_to_the_end():
    heard, engines = EventRecorder(), EnginePool()
    async with FireCircle(journal=":memory:", seed=1) as circle:
        for _ in range(2):
            circle.add_participant(seat_participant("tiny", engines=engines))
        circle.bus.subscribe(heard, ModelLoading)
        result = await circle.deliberate("Should the village open the observatory?", options=["yes", "no"])

    assert result.status == "complete"
    assert heard.events
    assert heard.events[-1].progress == pytest.approx(1.0)
    assert [event.progress for event in heard.events] == sorted(event.progress for event in heard.events)
