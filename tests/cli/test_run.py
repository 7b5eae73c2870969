"""Whole runs of the command: in a pipe, as JSON, interrupted and resumed, steered, and what is read back afterwards."""

import asyncio
import json
import os
import signal

import pytest
from calling import SEATS, is_one_paragraph

QUESTION = "Should the village share its weather data?"


def test_a_pipe_gets_plain_lines(call):
    ended = call("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--seed", "5")

    assert ended.code == 0
    assert "\x1b" not in ended.out
    lines = ended.out.splitlines()
    assert lines[0] == f"question: {QUESTION}"
    assert "Amaru: Share it under our own rules." in lines
    assert any(line.startswith("verdict: ") for line in lines)
    assert lines[-1].startswith("mallku show ")


def test_json_lines_are_the_events_of_the_journal(call):
    ended = call("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--json", "--rounds", "1")

    events = [json.loads(line) for line in ended.out.splitlines()]
    recorded = [event for event in events if event["kind"] not in {"turn_delta", "subscriber_failed", "model_loading"}]
    assert events[0]["kind"] == "deliberation_convened"
    assert events[-1]["kind"] == "deliberation_ended"
    assert [event["seq"] for event in recorded] == list(range(1, len(recorded) + 1))
    assert ended.out.isascii()


def test_words_that_would_mislead_a_terminal_lose_their_power(call):
    ended = call("deliberate", "Is \x1b[31mthis\x1b[0m red?", "--seat", "Eve=python:speakers:hostile", "--journal", "j.db", "--plain")

    assert ended.code == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(ended.out)
    assert "[red]markup[/red]" in ended.out
    found = call("list", "--journal", "j.db").out.split()[0]
    for form in ("md", "html"):
        assert not {"\x1b", "\x07", "\u202e"} & set(call("show", found, "--format", form, "--journal", "j.db").out)


def test_what_was_recorded_is_listed_shown_verified_found_and_moved(call, tmp_path):
    call("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--minutes", "m.html")
    listed = call("list", "--journal", "j.db").out
    found = listed.split()[0]

    assert QUESTION in listed
    assert QUESTION in (tmp_path / "m.html").read_text()
    assert QUESTION in call("show", found[:-2], "--journal", "j.db").out
    assert json.loads(call("show", found, "--format", "json", "--journal", "j.db").out)
    assert "whole" in call("verify", found, "--journal", "j.db").out
    assert found in call("search", "season", "--journal", "j.db").out
    assert call("export", found, "x.json", "--journal", "j.db").code == 0
    assert call("import", "x.json", "--journal", "other.db").code == 0
    assert found in call("list", "--journal", "other.db").out


def test_a_changed_export_is_refused(call, tmp_path):
    call("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--rounds", "1")
    call("export", call("list", "--journal", "j.db").out.split()[0], "x.json", "--journal", "j.db")
    file = tmp_path / "x.json"
    file.write_text(file.read_text().replace("one season", "two seasons"))

    ended = call("import", "x.json", "--journal", "other.db")

    assert ended.code == 1
    assert is_one_paragraph(ended.err)


async def until(process, kind):
    """Read JSON lines until one of this kind has come."""
    while line := await process.stdout.readline():
        event = json.loads(line)
        if event["kind"] == kind:
            return event
    raise AssertionError(f"no {kind} came")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_run_is_held_by_one_process_and_finished_by_another(child, run_child, number):
    process = await child("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--json", "--seed", "1", PAUSE_IN_EXCHANGE="300")
    said = await until(process, "statement_made")
    held = await run_child("resume", said["deliberation"], "--journal", "j.db", *SEATS)
    process.send_signal(number)
    _, err = await process.communicate()

    assert held.code == 1
    assert is_one_paragraph(held.err)
    assert process.returncode == 128 + number
    assert f"mallku resume {said['deliberation']} --journal j.db" in err.decode()

    resumed = await run_child("resume", said["deliberation"], "--journal", "j.db", *SEATS)
    shown = await run_child("verify", said["deliberation"], "--journal", "j.db")

    assert resumed.code == 0
    assert "verdict: " in resumed.out
    assert "resumed" in resumed.out
    assert shown.code == 0


async def test_a_second_signal_leaves_at_once(child):
    process = await child("deliberate", QUESTION, "--seat", "Amaru=python:speakers:stubborn", "--journal", "j.db", "--json")
    await until(process, "turn_opened")
    process.send_signal(signal.SIGINT)
    await asyncio.sleep(0.3)
    process.send_signal(signal.SIGINT)

    assert await asyncio.wait_for(process.wait(), 20) == 130


async def test_a_reader_that_goes_away_ends_the_run_without_noise(child):
    process = await child("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--plain", PAUSE_IN_EXCHANGE="3")
    await process.stdout.readline()
    process._transport.get_pipe_transport(1).close()
    err = (await process.stderr.read()).decode()

    assert await process.wait() != 0
    assert "Traceback" not in err
    assert "Exception" not in err


def test_a_resumed_deliberation_that_has_ended_is_said_to_have(call):
    call("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--rounds", "1")
    found = call("list", "--journal", "j.db").out.split()[0]

    ended = call("resume", found, "--journal", "j.db")

    assert ended.code == 0
    assert "has ended (complete)" in ended.err


def test_options_context_and_rule_reach_the_seats(call, tmp_path):
    (tmp_path / "briefing.md").write_text("The mast was built in 1998.")

    ended = call(
        "deliberate", QUESTION, *SEATS, "--option", "Yes", "--option", "No", "--context", "briefing.md", "--context", "It is windy here.",
        "--rule", "approval", "--journal", "j.db", "--json",
    )  # fmt: skip

    convened = json.loads(ended.out.splitlines()[0])
    assert convened["context"] == "The mast was built in 1998.\n\nIt is windy here."
    assert [option["text"] for option in convened["options"]] == ["Yes", "No"]
    assert convened["plan"]["decision"]["rule"] == "approval"


def test_logs_name_what_happened_and_never_what_was_said(call):
    from mallku.cli import main

    del main
    os.environ["MALLKU_LOG_FORMAT"] = "json"
    try:
        ended = call("--log-level", "info", "deliberate", QUESTION, *SEATS, "--journal", "j.db", "--rounds", "1")
    finally:
        del os.environ["MALLKU_LOG_FORMAT"]

    logged = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    assert {"deliberation_convened", "statement_made", "ballot_cast"} <= {line["event"] for line in logged}
    assert "Share it under our own rules" not in ended.err
    assert QUESTION not in ended.err


async def test_a_terminal_that_knows_only_ascii_is_no_reason_to_fail(run_child):
    ended = await run_child("deliberate", "Où est l'eau: 水?", *SEATS, "--journal", "j.db", "--rounds", "1", PYTHONIOENCODING="ascii")

    assert ended.code == 0
    assert "O? est l'eau: ?" in ended.out
    assert "verdict: " in ended.out


async def test_a_person_without_a_terminal_passes_and_the_circle_goes_on(run_child):
    ended = await run_child("deliberate", QUESTION, *SEATS[:2], "--seat", "Pat=human", "--journal", "j.db", "--rounds", "1")

    assert ended.code == 0
    assert "Pat passes" in ended.out
    assert "Traceback" not in ended.err


def test_minutes_that_cannot_be_written_do_not_lose_the_deliberation(call, tmp_path):
    (tmp_path / "m.md").symlink_to("/nowhere/at/all.md")

    ended = call("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--rounds", "1", "--minutes", "m.md")

    assert ended.code == 2
    assert "mallku show" in " ".join(ended.err.split())
    assert "complete" in call("list", "--journal", "j.db").out
