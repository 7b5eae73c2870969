"""Texts out of files as people have them: forms of chat logs, exports, bad lines, and files of any length."""

import json
import tracemalloc

import pytest

from mallku.detectors import read_items, score_file
from mallku.detectors.texts import REMEMBERED

TALK = [("Ada", "The well is dry."), ("Bo", "Which well, Ada: the old one?")]
FORMS = {
    "plain": "Ada: The well is dry.\nBo: Which well, Ada: the old one?\n",
    "irc": "[10:01] <Ada> The well is dry.\n[10:02] <Bo> Which well, Ada: the old one?\n",
    "irc with marks": "10:01 <@Ada> The well is dry.\n10:02 <+Bo> Which well, Ada: the old one?\n",
    "irssi with seconds": "10:01:07 < Ada> The well is dry.\n10:02:11 < Bo> Which well, Ada: the old one?\n",
    "times and names": "[2024-05-01 10:01] Ada: The well is dry.\n[2024-05-01 10:02] Bo: Which well, Ada: the old one?\n",
    "whatsapp": "12/03/24, 10:01 - Ada: The well is dry.\n12/03/24, 10:02 - Bo: Which well, Ada: the old one?\n",
    "whatsapp, am and pm": "3/12/24, 9:01 PM - Ada: The well is dry.\n3/12/24, 9:02 PM - Bo: Which well, Ada: the old one?\n",
    "whatsapp of a phone": "[12.03.24, 10:01:09] Ada: The well is dry.\n\u200e[12.03.24, 10:02:11] Bo: Which well, Ada: the old one?\n",
    "iso": "2024-05-01T10:01:00Z Ada: The well is dry.\n2024-05-01T10:02:00Z Bo: Which well, Ada: the old one?\n",
    "windows lines": "Ada: The well is dry.\r\nBo: Which well, Ada: the old one?\r\n",
    "names on lines of their own": "Ada:\nThe well is dry.\n\nBo:\nWhich well, Ada: the old one?\n",
}


def turns(items):
    return [(item.turn.statement.seat, item.turn.statement.text) for item in items]


@pytest.mark.parametrize("form", FORMS)
def test_common_forms_of_chat_logs_are_read(tmp_path, form):
    file = tmp_path / "talk.txt"
    file.write_bytes(FORMS[form].encode())
    assert turns(read_items(file)) == TALK


def test_a_slack_export_is_read_with_the_names_people_go_by(tmp_path):
    messages = [
        {"type": "message", "subtype": "channel_join", "user": "U1", "text": "has joined"},
        {"type": "message", "user": "U1", "text": "The well is dry.", "user_profile": {"display_name": "Ada", "real_name": "Ada L."}},
        {"type": "message", "user": "U2", "text": "Which well, Ada: the old one?", "user_profile": {"display_name": "", "real_name": "Bo"}},
    ]
    file = tmp_path / "2024-05-01.json"
    file.write_text(json.dumps(messages, indent=4), encoding="utf-8")
    assert turns(read_items(file)) == TALK


def test_a_table_with_semicolons_and_other_names_for_its_columns_is_read(tmp_path):
    file = tmp_path / "talk.csv"
    file.write_text('\ufeffAuthor;Message\nAda;The well is dry.\nBo;"Which well, Ada: the old one?"\n', encoding="utf-8")
    assert turns(read_items(file)) == TALK


def test_notices_of_the_program_are_told_and_left_out(tmp_path):
    file = tmp_path / "talk.txt"
    file.write_text(f"12/03/24, 10:00 - Messages are encrypted.\n{FORMS['whatsapp']}", encoding="utf-8")
    faults = []
    assert turns(read_items(file, on_fault=lambda *fault: faults.append(fault))) == TALK
    assert faults == [(1, "has a time and no speaker")]


def test_bad_lines_are_told_with_their_numbers_and_the_rest_is_read(tmp_path):
    file = tmp_path / "texts.jsonl"
    good = [json.dumps({"id": name, "text": "We keep the keys."}).encode() for name in "abcd"]
    bad = [b"{not json}", b'"a text"', b'{"id": 1}', b'{"text": "a", "previous": "b"}', b'{"text": "\xff"}', b'{"text": ' + b"[" * 100_000]
    file.write_bytes(b"\n".join([good[0], *bad[:3], good[1], b"", *bad[3:], good[2], good[3]]))
    faults = []
    rows = list(score_file(file, on_fault=lambda *fault: faults.append(fault)))
    assert [row["id"] for row in rows] == list("abcd")
    assert [number for number, _ in faults] == [2, 3, 4, 7, 8, 9]


def test_rows_of_a_table_with_too_few_cells_are_told(tmp_path):
    file = tmp_path / "texts.csv"
    file.write_text('id,text\n1,"We decide,\nall of us."\n2\n3,They decide.\n', encoding="utf-8")
    faults = []
    assert [item.id for item in read_items(file, on_fault=lambda *fault: faults.append(fault))] == ["1", "3"]
    assert faults == [(4, "has 1 cells, the header 2")]


def test_an_id_stays_as_it_is_and_a_row_without_one_has_the_number_of_its_line(tmp_path):
    file = tmp_path / "texts.jsonl"
    file.write_text('{"id": 7, "text": "a"}\n\n{"id": 0, "text": "b"}\n{"text": "c"}\n', encoding="utf-8")
    assert [item.id for item in read_items(file)] == [7, 0, "4"]


def test_evidence_names_the_earlier_row_by_its_id(tmp_path):
    file = tmp_path / "texts.jsonl"
    rows = [
        {"id": "r1", "speaker": "Ada", "text": "The archive is in the cellar."},
        {"id": "r2", "speaker": "Bo", "text": "Ada, that cellar flooded twice."},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    spans = [span for part in list(score_file(file))[1]["evidence"] for span in part["spans"]]
    assert {span["turn"] for span in spans if "turn" in span} == {"r1"}


def test_a_long_conversation_is_read_in_little_memory(tmp_path):
    file = tmp_path / "long.jsonl"
    line = json.dumps({"speaker": "S{}", "text": "word " * 200})
    with file.open("w", encoding="utf-8") as out:
        out.writelines(line.replace("{}", str(number % 7)) + "\n" for number in range(3000))
    tracemalloc.start()
    longest = max(len(item.turn.previous) for item in read_items(file))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert longest == REMEMBERED
    assert peak < 600_000 < file.stat().st_size / 4


def test_many_conversations_do_not_pile_up(tmp_path):
    file = tmp_path / "many.jsonl"
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps({"conversation": f"c{number}", "speaker": "A", "text": "x" * 2000}) + "\n" for number in range(3000))
    tracemalloc.start()
    assert sum(1 for _ in read_items(file)) == 3000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_the_contract_of_a_row_of_json_lines(tmp_path):
    file = tmp_path / "texts.jsonl"
    rows = [
        {
            "id": "a",
            "text": "We keep our own server, so that nobody sees our notes.",
            "previous": [{"speaker": "Ada", "text": "Where do the notes lie?"}],
        },
        {"id": "b", "text": "Hm."},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for row in score_file(file):
        assert row["sovereignty"] is None or -1 <= row["sovereignty"] <= 1
        assert row["reciprocity"] is None or 0 <= row["reciprocity"] <= 1
        assert all(0 <= row[topic] <= 1 for topic in ("privacy", "community", "resource_talk"))
        assert all(isinstance(name, str) for name in row["engages"])
        for part in row["evidence"]:
            assert part["tiers"]
            assert part["confidence"] is None or 0 <= part["confidence"] <= 1
            assert sum(span["contribution"] for span in part["spans"]) == pytest.approx(part["raw"], abs=0.01)
        named = {part["dimension"] for part in row["evidence"]} | set(row["unscored"])
        assert {"sovereignty", "reciprocity", "privacy", "community", "resource_talk"} <= named
