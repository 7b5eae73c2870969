"""Every kind of event survives the way to JSON and back."""

import collections.abc
import dataclasses
import typing
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mallku.events.codec import canonical_json, from_json, to_data
from mallku.events.kinds import EVENT_KINDS, RoundClosed

PLAIN = {
    str: st.text(max_size=5),
    int: st.integers(-5, 5),
    float: st.floats(-1, 1),
    bool: st.booleans(),
    type(None): st.none(),
    typing.Any: st.text(max_size=3) | st.integers(0, 9),
    datetime: st.just(datetime(2026, 1, 1, tzinfo=UTC)),
}


def test_every_kind_has_its_own_tag():
    assert len(EVENT_KINDS) >= 20
    for tag, cls in EVENT_KINDS.items():
        assert {f.name: f for f in dataclasses.fields(cls)}["kind"].default == tag


@pytest.mark.parametrize("tag", sorted(EVENT_KINDS))
def test_every_kind_round_trips(tag):
    @settings(max_examples=5, deadline=None)
    @given(event=_events(EVENT_KINDS[tag]))
    def round_trip(event):
        assert from_json(canonical_json(event)) == event

    round_trip()


def test_canonical_json_is_sorted_and_dense():
    event = RoundClosed(deliberation="d", seq=3, at=datetime(2026, 1, 1, tzinfo=UTC), round_index=1)
    text = canonical_json(event)

    assert (
        text == '{"at":"2026-01-01T00:00:00Z","caused_by":"","deliberation":"d","kind":"round_closed","reason":"","round_index":1,"seq":3}'
    )
    assert list(to_data(event)) != []


def _events(cls):
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{field.name: _values(hints[field.name]) for field in dataclasses.fields(cls)})


def _values(hint):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        if arguments[-1] is not Ellipsis:
            return st.tuples(*map(_values, arguments))
        return st.lists(_values(arguments[0]), max_size=2).map(tuple)
    if origin is collections.abc.Mapping:
        return st.dictionaries(st.text(max_size=3), _values(arguments[1]), max_size=2)
    if arguments:
        return st.one_of(*map(_values, arguments))
    if dataclasses.is_dataclass(hint):
        return _events(hint)
    return PLAIN[hint]
