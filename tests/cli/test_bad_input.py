"""Bad input ends in one paragraph that names the thing and the remedy, with exit code 2 or 1, and nothing is lost."""

import os
import socket
import sqlite3

import pytest
from calling import SEATS, is_one_paragraph
from stand_in import DONE, Reply, StandIn, as_json, chunk, models, stream

QUESTION = "Should the village share its weather data?"
VOTE = '{"reason": "It is the first.", "choice": "A"}'


def speaking(asked):
    return stream(VOTE if "JSON" in asked.json["messages"][-1]["content"] else "We should share it, because rain is common to all.")


async def ask(run_child, address, *more):
    return await run_child("deliberate", QUESTION, "--seat", f"Ada={address}", "--journal", "j.db", *more)


@pytest.mark.parametrize("question", ["", "   "])
def test_an_empty_question_is_wrong_use(call, question):
    ended = call("deliberate", question, *SEATS)

    assert ended.code == 2
    assert is_one_paragraph(ended.err)
    assert "question is empty" in ended.err


async def test_a_question_longer_than_every_window_names_both_figures(run_child, random_model, tmp_path):
    (tmp_path / "long.txt").write_text("weather " * 20_000)

    ended = await run_child("deliberate", QUESTION, "--seat", f"Ada=gguf:{random_model}", "--context", "long.txt", "--journal", "j.db")

    assert ended.code == 2
    assert is_one_paragraph(ended.err)
    assert "tokens" in ended.err
    assert "Shorten it" in " ".join(ended.err.split())


def test_an_unknown_key_in_the_file_is_named_with_its_line(call, tmp_path):
    (tmp_path / "circle.toml").write_text('[[seats]]\nname = "Ada"\ntempratur = 1\n')

    ended = call("deliberate", QUESTION)

    assert ended.code == 2
    assert is_one_paragraph(ended.err)
    assert "circle.toml, line 3" in ended.err
    assert "`temperature`" in ended.err


async def test_a_port_where_nobody_listens(run_child):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    ended = await ask(run_child, f"http://127.0.0.1:{port}#m")

    assert ended.code == 1
    assert is_one_paragraph(ended.err)
    assert str(port) in ended.err


async def test_a_page_instead_of_the_protocol(run_child):
    page = Reply(body=b"<!doctype html><html><body>A web page</body></html>", kind="text/html")
    async with StandIn(page, listed=page) as server:
        ended = await ask(run_child, server.root)

    assert ended.code == 1
    assert is_one_paragraph(ended.err)
    assert "HTML" in ended.err
    assert "/v1" in ended.err


async def test_a_server_that_demands_a_key(run_child):
    refused = as_json({"error": {"message": "Incorrect API key provided: sk-very-secret"}}, 401)
    async with StandIn(refused, listed=refused) as server:
        ended = await run_child("deliberate", QUESTION, "--seat", f"Ada={server.url}", "--journal", "j.db", LOCAL_API_KEY="sk-very-secret")

    assert ended.code == 1
    assert is_one_paragraph(ended.err)
    assert "401" in ended.err
    assert "sk-very-secret" not in ended.err + ended.out


async def test_a_model_that_the_server_does_not_have(run_child):
    missing = as_json({"error": {"message": "model 'lama' not found"}}, 404)
    async with StandIn(missing, listed=models("llama", "qwen")) as server:
        ended = await ask(run_child, f"{server.url}#lama")

    assert ended.code == 1
    assert is_one_paragraph(ended.err)
    assert "lama" in ended.err
    assert "llama" in ended.err.replace("'lama'", "")


async def test_a_stream_that_is_cut_is_kept_as_a_partial_statement_and_said(run_child):
    def cut_in_the_opening(asked):
        if "Round: opening" in asked.json["messages"][-1]["content"]:
            return Reply(body=[chunk("We should share")], kind="text/event-stream", cut=True)
        return speaking(asked)

    async with StandIn(cut_in_the_opening, listed=models("m")) as server:
        ended = await ask(run_child, f"{server.url}#m", "--seat", f"Ben={server.url}#m")

    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert "We should share" in ended.out
    assert "degraded" in ended.out
    assert "broke off" in ended.out


@pytest.mark.parametrize("made", ["missing", "truncated", "not a GGUF", "a directory"])
async def test_a_model_file_that_cannot_be_used(run_child, tmp_path, random_model, made):
    path = tmp_path / "model.gguf"
    if made == "truncated":
        path.write_bytes(random_model.read_bytes()[:5000])
    elif made == "not a GGUF":
        path.write_bytes(b"#!/bin/sh\necho no model\n" * 100)
    elif made == "a directory":
        path.mkdir()

    ended = await ask(run_child, f"gguf:{path}")

    assert ended.code == 1
    assert is_one_paragraph(ended.err)
    assert "model.gguf" in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_journal_that_cannot_be_written(call, tmp_path):
    call("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--rounds", "1")
    (tmp_path / "j.db").chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        ended = call("deliberate", QUESTION, *SEATS, "--journal", "j.db")
    finally:
        tmp_path.chmod(0o755)

    assert ended.code == 1
    assert is_one_paragraph(ended.err)
    assert "cannot be written" in ended.err


def test_a_journal_in_a_place_that_is_none(call, tmp_path):
    (tmp_path / "file").write_text("x")

    ended = call("deliberate", QUESTION, *SEATS, "--journal", "file/j.db")

    assert ended.code == 1
    assert is_one_paragraph(ended.err)


def test_a_journal_from_a_newer_version(call):
    call("deliberate", QUESTION, *SEATS, "--journal", "j.db", "--rounds", "1")
    with sqlite3.connect("j.db") as raw:
        tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        version = next(name for name in tables if "migration" in name or "schema" in name)
        columns = [row[1] for row in raw.execute(f"PRAGMA table_info({version})")]
        raw.execute(f"UPDATE {version} SET {columns[0]} = 999 WHERE {columns[0]} = (SELECT MAX({columns[0]}) FROM {version})")

    ended = call("list", "--journal", "j.db")

    assert ended.code == 1
    assert is_one_paragraph(ended.err)
    assert "999" in ended.err
    assert "Upgrade mallku" in " ".join(ended.err.split())


def test_a_file_that_is_no_journal(call, tmp_path):
    (tmp_path / "j.db").write_text("This is a letter, not a journal. " * 100)

    ended = call("list", "--journal", "j.db")

    assert ended.code == 1
    assert is_one_paragraph(ended.err)
    assert "not a journal" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deliberate", QUESTION, "--seat", "Ada="), "not complete"),
        (("deliberate", QUESTION, "--seat", "Ada=nonsense"), "nonsense"),
        (("deliberate", QUESTION, *SEATS, "--option", "only one"), "1 options"),
        (("deliberate", QUESTION, *SEATS, "--rule", "mayority"), "Did you mean 'majority'"),
        (("deliberate", QUESTION, *SEATS, "--template", "nope"), "no template 'nope'"),
        (("deliberate", QUESTION, *SEATS, "--rounds", "0"), "0 rounds"),
        (("deliberate", QUESTION, *SEATS, "--context", "missing.md"), "no file 'missing.md'"),
        (("deliberate", QUESTION, *SEATS, "--minutes", "minutes.doc"), ".md, .html or .json"),
        (("deliberate", QUESTION, "--circle", "none.toml"), "no file 'none.toml'"),
        (("deliberate", QUESTION, "--seat", "Ada=http://8.8.8.8/v1#m"), "--allow-remote"),
        (("show", "nothing", "--journal", "j.db"), "nothing"),
        (("resume", "nothing", "--journal", "j.db"), "nothing"),
        (("import", "missing.json"), "missing.json"),
        (("score", "missing.csv"), "missing.csv"),
    ],
)
def test_wrong_use_is_told_in_one_paragraph(call, arguments, words):
    ended = call(*arguments)

    assert ended.code in {1, 2}
    assert is_one_paragraph(ended.err)
    assert words in " ".join(ended.err.split())


def test_a_file_that_cannot_be_scored_gets_no_head_of_a_table(call):
    assert call("score", "missing.csv").out == ""


def test_a_mistyped_command_is_answered_with_the_near_one(call):
    ended = call("delibrate")

    assert ended.code == 2
    assert "Did you mean 'deliberate'" in ended.err


def test_a_traceback_is_shown_only_on_request(call, monkeypatch):
    from mallku.errors import QuestionError

    monkeypatch.setenv("MALLKU_DEBUG", "1")
    from mallku.cli import main

    with pytest.raises(QuestionError):
        main(["deliberate", "", *SEATS])


def test_what_a_server_says_cannot_reach_the_terminal_as_control_codes():
    from mallku.cli import paragraph

    assert "\x1b" not in paragraph("the server said \x1b[2Jgone \u202e reversed")
    assert DONE
