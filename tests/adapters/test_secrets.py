"""A key that is planted in the settings turns up nowhere but in the request's own header."""

import logging
import os
import traceback
from pathlib import Path

import pytest
from stand_in import StandIn, as_json, models, stream

import mallku
from mallku.errors import MallkuError
from mallku.events.codec import canonical_json
from mallku.firecircle import FireCircle
from mallku.firecircle.adapters.examination import examine
from mallku.firecircle.adapters.local_adapter import LocalAdapterConfig, LocalAIAdapter
from mallku.testing import EventRecorder

KEY = "sk-planted-5d41402abc4b2a76"
OWN_CODE = f"{Path(mallku.__file__).parent}{os.sep}"


def healthy(asked):
    return stream('{"choice": "A", "reason": "fair"}' if asked.json.get("response_format") else "We share it.")


def given_as_setting(tmp_path, monkeypatch, port):
    return {"api_key": KEY}


def given_in_the_environment(tmp_path, monkeypatch, port):
    monkeypatch.setenv("LOCAL_API_KEY", KEY)
    return {}


def given_in_a_dotenv_file(tmp_path, monkeypatch, port):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / ".env").write_text(f"LOCAL_API_KEY={KEY}\n")
    monkeypatch.chdir(folder)
    return {}


def given_in_a_file(tmp_path, monkeypatch, port):
    (tmp_path / "key").write_text(f"{KEY}\n")
    return {"api_key_file": tmp_path / "key"}


def given_in_the_users_ring(tmp_path, monkeypatch, port):
    ring = tmp_path / "config" / "mallku" / "keys.toml"
    ring.parent.mkdir(parents=True)
    ring.write_text(f'"127.0.0.1:{port}" = "{KEY}"\n')
    return {}


WAYS = (given_as_setting, given_in_the_environment, given_in_a_dotenv_file, given_in_a_file, given_in_the_users_ring)


def own_locals(error):
    """What a report of the error with the local variables of our own frames would show."""
    shown = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(OWN_CODE):
                shown += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        error = error.__cause__ or error.__context__
    return shown


@pytest.mark.parametrize("give", WAYS)
async def test_no_log_event_journal_error_or_repr_shows_the_key(give, tmp_path, caplog, capfd, monkeypatch):
    caplog.set_level(logging.DEBUG)
    shown = []
    async with StandIn(healthy, listed=models("m", owned_by="vllm")) as server:
        given = give(tmp_path, monkeypatch, server.port)
        adapter = LocalAIAdapter(LocalAdapterConfig(base_url=server.url, **given))
        circle, events = FireCircle(journal=tmp_path / "record.db"), EventRecorder()
        circle.bus.subscribe(events)
        circle.add_participant(adapter)
        result = await circle.deliberate("Should we share the water?")
        shown += [repr(adapter), repr(adapter.config), str(adapter.facts), str(adapter.profile), str(result), repr(result)]
        shown += [str(vars(adapter)), str(vars(adapter._participant)), *adapter.concerns]
        shown += [str(examined) async for examined in examine(adapter)]
        sent = [asked.headers["authorization"] for asked in server.asked]
        server.chat = as_json({"error": {"message": "invalid key"}}, 401)
        with pytest.raises(MallkuError) as caught:
            await circle.deliberate("Again?")
        server.listed = as_json({"error": "no"}, 401)
        with pytest.raises(MallkuError) as refused:
            await LocalAIAdapter(LocalAdapterConfig(base_url=server.url, **given)).connect()
        await circle.close()
    for error in (caught.value, refused.value):
        shown += [repr(error), str(error), *own_locals(error), *traceback.format_exception(error)]
    shown += [caplog.text, *capfd.readouterr()]
    shown += [canonical_json(event) for event in events.events]
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("record.db*") if path.is_file())

    assert set(sent) == {f"Bearer {KEY}"}
    assert "refuses the key given" in str(refused.value)
    assert len(events.events) > 10
    assert KEY not in "\n".join(shown)
    assert KEY.encode() not in kept
