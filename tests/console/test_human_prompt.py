import asyncio
import io
import json
from contextlib import contextmanager, nullcontext

import pytest

from mallku.console.human_prompt import HumanPrompt
from mallku.dialogue.ballot_form import ballot_schema, read_ballot
from mallku.dialogue.prompt import Prompt
from mallku.dialogue.verdict import Ballot
from mallku.errors import DeadlineExceeded
from mallku.firecircle import FireCircle
from mallku.firecircle.adapters.human import HumanParticipant, HumanTurn
from mallku.firecircle.turn_orders.forms import ask_for_bids, ask_for_name
from mallku.testing import ScriptedParticipant

SHARED = '<question>\nWhy?\n</question>\n<statement by="Ada" in="opening">\nBecause of &lt;rain>.\n</statement>\n'
PROMPT = Prompt(system="s", user=f"{SHARED}<turn>\nYou are Pat.\nRound: opening. Speak.\n</turn>", shared_chars=len(SHARED), seat="Pat")


class Lines:
    """A keyboard at which these lines are typed."""

    def __init__(self, *lines):
        self.lines = list(lines)

    @contextmanager
    def writing(self):
        yield

    async def line(self):
        return self.lines.pop(0) if self.lines else None


async def answer(*lines, schema=None, file=None):
    prompt = HumanPrompt(Lines(*lines), nullcontext, file or io.StringIO())
    return await prompt(HumanTurn(seat="Pat", prompt=PROMPT, schema=schema))


async def test_lines_up_to_an_empty_one_are_the_statement():
    assert await answer("", "First line.", "Second line.", "", "not read") == "First line.\nSecond line."


async def test_the_person_reads_what_is_asked_without_the_frame():
    file = io.StringIO()
    await answer("/read", "/pass", file=file)

    assert "You are Pat." in file.getvalue()
    assert "Ada (opening): Because of <rain>." in file.getvalue()
    assert "<turn>" not in file.getvalue()


@pytest.mark.parametrize("lines", [("/pass",), ()])
async def test_a_person_may_pass_or_go_away(lines):
    assert await answer(*lines) is None


async def test_an_editor_writes_the_statement(tmp_path, monkeypatch):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "From the editor.\\n# a remark\\n" > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))

    assert await answer("begun", "/edit") == "From the editor."


async def test_an_editor_that_is_missing_leaves_the_person_to_write_here(monkeypatch):
    monkeypatch.setenv("VISUAL", "no-such-editor-anywhere")
    file = io.StringIO()

    assert await answer("/edit", "By hand.", "", file=file) == "By hand."
    assert "does not start" in file.getvalue()


@pytest.mark.parametrize(
    ("kind", "line", "field", "value"),
    [
        ("choice", "b", "choice", "B"),
        ("approval", "a, c", "approved", ("A", "C")),
        ("ranking", "c > a > b", "ranking", (("C",), ("A",), ("B",))),
        ("scores", "A 4 B 1 C 0", "scores", {"A": 4.0, "B": 1.0, "C": 0.0}),
        ("grades", "A very good, B poor, C reject", "grades", {"A": "very good", "B": "poor", "C": "reject"}),
        ("position", "stand", "position", "stand-aside"),
    ],
)
async def test_each_kind_of_ballot_is_filled_in_by_one_line(kind, line, field, value):
    given = await answer(line, "My reason.", schema=ballot_schema(kind, ["A", "B", "C"]))
    ballot = read_ballot(kind, ["A", "B", "C"], "Pat", given)

    assert isinstance(ballot, Ballot)
    assert getattr(ballot, field) == value
    assert ballot.reason == "My reason."


async def test_a_ballot_that_cannot_be_counted_is_asked_for_again():
    file = io.StringIO()
    given = await answer("Z", "", "A", "", schema=ballot_schema("choice", ["A", "B"]), file=file)

    assert json.loads(given)["choice"] == "A"
    assert file.getvalue().count("cannot be counted") == 2


async def test_a_block_is_not_taken_without_its_reason():
    given = await answer("block", "", "It harms the wells.", schema=ballot_schema("position", ["A"]))

    assert json.loads(given) == {"reason": "It harms the wells.", "position": "block"}


async def test_the_floor_is_bid_for_and_handed_on():
    assert json.loads(await answer("9", "4", schema=ask_for_bids(["Pat"]).schema))["bid"] == 4
    assert (
        json.loads(await answer("nobody here", "ben", schema=ask_for_name("Pat", ["Ada", "Ben"], may_close=True).schema))["next"] == "Ben"
    )


async def test_a_person_and_models_deliberate_together():
    keyboard = Lines("I think so.", "", "A", "Mine.", "I stay with it.", "", "My proposal.", "", "A", "Good.")
    circle = FireCircle(journal=":memory:", seed=1)
    circle.add_participant(HumanParticipant(HumanPrompt(keyboard, nullcontext, io.StringIO())), name="Pat")
    circle.add_participant(ScriptedParticipant(["From a model."]), name="Ada")

    result = await circle.deliberate("Why?", options=["Yes", "No"])

    assert [said.text for said in result.statements if said.seat == "Pat"] == ["I think so.", "I stay with it.", "My proposal."]
    assert result.ballots["final"].cast["Pat"].reason == "Good."
    assert result.status == "complete"


async def test_a_plain_function_can_be_the_person():
    circle = FireCircle(journal=":memory:")
    circle.add_participant(HumanParticipant(lambda turn: None if turn.schema is None else '{"reason": "", "choice": "B"}'), name="Pat")

    result = await circle.deliberate("Why?", options=["Yes", "No"])

    assert set(result.state.turns.values()) == {"pass", "statement"}
    assert result.verdict.option == "B"


async def test_a_deadline_that_passes_is_a_failed_turn():
    async def never(_turn):
        await asyncio.sleep(3600)

    participant = HumanParticipant(never, deadline_s=0.01)
    with pytest.raises(DeadlineExceeded, match="no answer within"):
        async for _ in participant.respond(PROMPT, settings_of()):
            pass


def settings_of():
    from mallku.dialogue.prompt import GenerationSettings

    return GenerationSettings()
