"""Records written by past versions are read by this one. A file here is never changed; a new one joins it when events change."""

from pathlib import Path

import pytest

from mallku.firecircle import Deliberation
from mallku.firecircle.minutes import broken_links, take_minutes, to_html, to_markdown, unsupported_quotes
from mallku.journal import import_deliberation, open_journal, verify_export

RECORDS = sorted((Path(__file__).parent / "data").glob("record-*.jsonl"))


def test_there_are_records():
    assert RECORDS


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
async def test_a_past_record_is_whole_and_can_be_read(path):
    text = path.read_text(encoding="utf-8")
    assert verify_export(text).intact

    journal = await open_journal(":memory:")
    deliberation = Deliberation.from_events(await journal.events(await import_deliberation(journal, text)))
    minutes = take_minutes(deliberation.events)

    assert deliberation.status == "degraded"
    assert deliberation.verdict.option == "A"
    assert len(deliberation.statements) == 8
    assert broken_links(minutes) == ()
    assert unsupported_quotes(minutes) == ()
    assert to_markdown(minutes)
    assert to_html(minutes)
    assert (await journal.verify(deliberation.id)).intact
    assert await journal.search("drought")
