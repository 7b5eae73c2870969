from watching import events_of

from mallku.console.logs import logged_fields
from mallku.events import kinds
from mallku.events.codec import now

SECRET = "Only the wells of the upper field"


async def test_what_was_said_never_reaches_the_log():
    events = await events_of({"Ada": f"{SECRET} matter.", "Ben": "No."}, question=f"{SECRET}?")

    logged = " ".join(str(logged_fields(event)) for event in events)
    assert SECRET not in logged
    assert "It is the first." not in logged
    assert "'seat': 'Ada'" in logged


def test_an_error_is_logged_by_its_class():
    failed = kinds.SubscriberFailed(
        deliberation="d", seq=3, at=now(), subscriber="s", event_kind="statement_made", error=f"ValueError: {SECRET}"
    )

    assert logged_fields(failed)["error"] == "ValueError"
