import json

import pytest

from mallku.detectors import read_items, score, score_file, score_table, score_transcript, write_rows
from mallku.dialogue.transcript import Statement, Transcript
from mallku.errors import UsageError

FIELDS = {"id", "sovereignty", "reciprocity", "privacy", "community", "resource_talk", "engages", "evidence"}


def test_each_row_of_json_lines_gives_a_row_of_scores_with_its_id(tmp_path):
    file = tmp_path / "texts.jsonl"
    rows = [
        {"id": "a", "text": "We keep our own copy of the records.", "previous": []},
        {"id": "b", "text": "Ada, the cellar flooded twice.", "previous": [{"speaker": "Ada", "text": "The archive is in the cellar."}]},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    scores = [json.loads(line) for line in write_rows(score_file(file), "jsonl")]
    assert [row["id"] for row in scores] == ["a", "b"]
    assert all(set(row) >= FIELDS for row in scores)
    assert scores[0]["reciprocity"] is None
    assert 0 < scores[0]["sovereignty"] <= 1
    assert scores[1]["engages"] == ["Ada"]


def test_a_chat_log_is_read_as_turns_that_follow_each_other(tmp_path):
    file = tmp_path / "talk.txt"
    file.write_text("[10:01] <Ada> The well is dry.\n[10:02] <Bo> Which well, Ada?\nand since when?\nCy: Since Monday.\n", encoding="utf-8")
    items = list(read_items(file))
    assert [item.turn.statement.seat for item in items] == ["Ada", "Bo", "Cy"]
    assert items[1].turn.statement.text == "Which well, Ada?\nand since when?"
    assert [earlier.seat for earlier in items[2].turn.previous] == ["Ada", "Bo"]


def test_csv_rows_with_a_speaker_follow_each_other_within_a_conversation(tmp_path):
    file = tmp_path / "talk.csv"
    file.write_text("conversation,speaker,text\nx,Ada,One.\ny,Bo,Two.\nx,Cy,Three.\n", encoding="utf-8")
    items = list(read_items(file))
    assert [len(item.turn.previous) for item in items] == [0, 0, 1]


def test_a_table_of_mappings_is_scored_row_by_row():
    rows = score_table([{"text": "We decide."}, {"text": "The train is late."}])
    assert [row["id"] for row in rows] == ["1", "2"]
    assert rows[1]["sovereignty"] is None


def test_every_statement_of_a_transcript_is_scored_after_those_before_it():
    said = [
        Statement(turn=f"r0.{name}", seat=name, round_index=0, round_kind="exchange", text=text)
        for name, text in (("Ada", "The pump broke."), ("Bo", "Ada, who can mend it?"))
    ]
    scores = score_transcript(Transcript(question="What now?", statements=tuple(said)))
    assert [scored.turn for scored in scores] == ["r0.Ada", "r0.Bo"]
    reciprocity = [next(one for one in scored.scores if one.dimension == "reciprocity") for scored in scores]
    assert reciprocity[0].value is None
    assert reciprocity[1].value > 0.4


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("x.jsonl", "{not json}", "Line 1"),
        ("x.jsonl", '{"id": 1}', "Line 1"),
        ("x.jsonl", '{"text": "a", "previous": "b"}', "previous"),
        ("x.csv", "a,b\n1,2\n", "no column `text`"),
        ("x.txt", "no speaker here\n", "does not begin"),
        ("x.bin", "a", "cannot be told"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(tmp_path, name, content, complaint):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=complaint):
        list(read_items(file))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="There is no file"):
        list(read_items(tmp_path / "missing.jsonl"))


@pytest.mark.parametrize("text", ["", " ", "!!!", "🌽🌽", "a" * 5000, "\x00", "ñandú " * 400, "“", "'", "#a #b"])
def test_any_text_is_judged_without_a_failure(text):
    for one in score(text, previous=[("Ada", text), ("Bo", "Plain words.")]).scores:
        assert "failed" not in one.reason
        assert one.value is None or 0 <= one.value <= 1


def test_tables_and_csv_have_a_line_for_each_row():
    rows = score_table([{"text": "We decide."}, {"text": "The train is late."}])
    assert len(list(write_rows(rows, "csv"))) == 3
    assert len(list(write_rows(rows, "table"))) == 3
