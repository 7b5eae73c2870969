"""An export holds the whole record, and any change to it is found."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_events import convened, small_deliberation, statement

from mallku.errors import JournalDamaged, JournalTooNew
from mallku.journal import MemoryJournal
from mallku.journal.export import export_deliberation, import_deliberation, read_export, verify_export

HEAD = '"format": "mallku-deliberation", "version": 1'


@pytest.fixture(params=["json", "jsonl"])
async def text(request):
    journal = MemoryJournal()
    await journal.append(small_deliberation())
    return await export_deliberation(journal, "d1", form=request.param)


async def test_an_export_can_be_verified_anywhere(text):
    verification = verify_export(text)

    assert verification.intact
    assert (verification.deliberation, verification.events) == ("d1", 11)
    assert verify_export(text, head=verification.head).intact
    assert not verify_export(text, head="0" * 64).intact


async def test_the_forms_are_json(text):
    if '"record"' in text:
        assert len(json.loads(text)["record"]) == 11
    else:
        assert [json.loads(line) for line in text.splitlines()][1]["event"]["kind"] == "deliberation_convened"


async def test_an_export_is_taken_over_byte_by_byte(text):
    other = MemoryJournal()
    assert await import_deliberation(other, text) == "d1"

    assert await other.entries("d1") == read_export(text)
    assert await other.events("d1") == small_deliberation()
    with pytest.raises(JournalDamaged, match="already"):
        await import_deliberation(other, text)


async def test_another_layout_of_the_same_json_is_the_same_record(text):
    if '"record"' in text:
        assert verify_export(json.dumps(json.loads(text), indent=3, sort_keys=True)).intact


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("belongs", "bemoans"), id="a word"),
        pytest.param(lambda text: text.replace('"seq":4,"hash"', '"seq":5,"hash"'), id="a number"),
        pytest.param(lambda text: "\n".join(line for line in text.split("\n") if '"seq":5,"hash"' not in line), id="a line taken out"),
        pytest.param(lambda text: text.replace('"events": 11', '"events": 12'), id="the number of events"),
        pytest.param(lambda text: text.replace('"deliberation": "d1"', '"deliberation": "d2"'), id="the id"),
    ],
)
async def test_a_change_is_found(text, change):
    changed = change(text)
    assert changed != text
    assert not verify_export(changed).intact

    journal = MemoryJournal()
    with pytest.raises(JournalDamaged):
        await import_deliberation(journal, changed)
    assert await journal.deliberations() == []


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "{",
        "[]",
        "null",
        "5",
        '{"format": "other"}',
        '{"a": 1, "a": 2}',
        "Dear diary",
        '{"format": "mallku-deliberation", "version": 1}\n{"seq": 1}',
    ],
)
def test_what_is_no_export_is_refused(wrong):
    with pytest.raises(JournalDamaged) as caught:
        verify_export(wrong)
    assert caught.value.hint


def test_an_export_without_events_is_not_intact():
    assert not verify_export(
        '{"format": "mallku-deliberation", "version": 1, "deliberation": "d", "events": 3, "head": "00", "record": []}'
    ).intact


def test_an_export_of_a_newer_version_is_refused():
    with pytest.raises(JournalTooNew, match="version 2"):
        verify_export('{"format": "mallku-deliberation", "version": 2, "record": []}')


def test_a_name_given_twice_is_refused():
    twice = f'{{{HEAD}, "record": [{{"seq": 1, "hash": "", "event": {{"text": "evil", "text": "good"}}}}]}}'
    with pytest.raises(JournalDamaged, match="twice"):
        verify_export(twice)


@settings(max_examples=40, deadline=None)
@given(said=st.text(max_size=40), form=st.sampled_from(["json", "jsonl"]))
async def test_any_text_survives(said, form):
    journal, other = MemoryJournal(), MemoryJournal()
    await journal.append([convened(question=said), statement("d1", 2, said)])
    await import_deliberation(other, await export_deliberation(journal, "d1", form=form))

    assert await other.events("d1") == await journal.events("d1")
