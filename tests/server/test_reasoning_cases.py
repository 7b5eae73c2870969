"""Sixty answers with private reasoning in them, cut at every byte, through three protocols, whole and streamed: none of it is content."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.server_thread import running
from support.spelling_engine import spelling_loader

from mallku.dialogue.message import Message
from mallku.engine import EngineSettings
from mallku.server.app import create_app
from mallku.server.backend import Generation, ModelCard, Piece
from mallku.server.engine_backend import EngineBackend, EngineModel, TemplateTraits
from mallku.server.residency import Residency
from mallku.server.roster import Roster
from mallku.server.settings import ServerSettings

OPENS = (
    "{% for m in messages %}{{ m.content }}</think>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
MAY_THINK = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}{% if add_generation_prompt %}Yes:{% endif %}"
SWITCHED = (
    "{{ messages[0].content }}{% if add_generation_prompt %}\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n{% else %}<think>\n{% endif %}{% endif %}"
)
TEMPLATES = {"plain": "", "opens": OPENS, "may": MAY_THINK, "switched": SWITCHED}
"""Models by what their chat templates know of reasoning."""

A, F, END, START = "<|channel|>analysis<|message|>", "<|channel|>final<|message|>", "<|end|>", "<|start|>assistant"
CALL = '<|channel|>commentary to=functions.depth <|constrain|>json<|message|>{"well": "north"}<|call|>'
HERMES = '<tool_call>{"name": "depth", "arguments": {"well": "north"}}</tool_call>'
DEPTH = ("depth", {"well": "north"})

CASES = [
    # model, what it writes, content, reasoning, calls
    # Harmony as it should be
    ("plain", f"{A}Hmm.{END}{START}{F}12 m.<|return|>", "12 m.", "Hmm.", []),
    ("plain", f"{F}12 m.<|return|>", "12 m.", "", []),
    ("plain", f"{START}{F}12 m.{END}", "12 m.", "", []),
    ("plain", f"{A}Hmm.{END}{START}{F}12 m.", "12 m.", "Hmm.", []),
    ("plain", f"  {A}Hmm.{END}{START}{F}12 m.", "12 m.", "Hmm.", []),
    ("plain", f"{A}One.{END}{START}{A}Two.{END}{START}{F}12 m.", "12 m.", "One.Two.", []),
    ("plain", f"{A}Hmm.{END}{START}<|channel|>commentary<|message|>I look.{END}{START}{F}12 m.", "12 m.", "Hmm.I look.", []),
    ("plain", f"{A}Hmm.{END}{START}{F}One. {END}{START}{A}More.{END}{START}{F}Two.", "One. Two.", "Hmm.More.", []),
    ("plain", '<|channel|>final <|constrain|>json<|message|>{"m": 12}<|return|>', '{"m": 12}', "", []),
    ("plain", f"{A}Größe … ☂ 井{END}{START}{F}Zwölf ☔ 米", "Zwölf ☔ 米", "Größe … ☂ 井", []),
    ("plain", f"{A}a <| b{END}{START}{F}a < b, <tag> and <|no mark", "a < b, <tag> and <|no mark", "a <| b", []),
    # Harmony that breaks off, or is written otherwise
    ("plain", f"{A}Hmm.", "", "Hmm.", []),
    ("plain", f"{A}Hmm.{END}", "", "Hmm.", []),
    ("plain", f"{A}Hmm.{END}{START}", "", "Hmm.", []),
    ("plain", f"{A}Hmm.{END}{START}<|channel|>fin", "", "Hmm.", []),
    ("plain", f"{A}Hmm.{END}{START}{F}", "", "Hmm.", []),
    ("plain", "<|channel|>analysis", "", "", []),
    ("plain", "<|channel|>commentary<|message|>I look.", "", "I look.", []),
    ("plain", f"{A}Hmm.<|channel|>final<|message|>12 m.", "12 m.", "Hmm.", []),
    ("plain", f"{A}Hmm.<|return|>{START}{F}12 m.", "12 m.", "Hmm.", []),
    ("plain", f"{A}Hmm.{END}{START}<|message|>12 m.", "12 m.", "Hmm.", []),
    ("plain", "<|message|>12 m.", "12 m.", "", []),
    ("plain", f"{A}Hmm.{END}{START}<|channel|>musing<|message|>So.{END}{START}{F}12 m.", "12 m.", "Hmm.So.", []),
    ("plain", f"Well.{A}Hmm.{END}{START}{F} 12 m.", "Well. 12 m.", "Hmm.", []),
    ("plain", f"{A}Say assistantfinal? No.{END}{START}{F}12 m.", "12 m.", "Say assistantfinal? No.", []),
    ("plain", f"{A}<think>Hm</think>{END}{START}{F}12 m.", "12 m.", "<think>Hm</think>", []),
    # Harmony whose control tokens were dropped
    ("plain", "analysisHmm.assistantfinal12 m.", "12 m.", "Hmm.", []),
    ("plain", "analysiswe think.assistantfinal12 m.", "12 m.", "we think.", []),
    ("plain", "analysis\nHmm.assistantfinal12 m.", "12 m.", "\nHmm.", []),
    ("plain", "analysisHmm.assistantcommentaryI look.assistantfinal12 m.", "12 m.", "Hmm.I look.", []),
    ("plain", "analysisHmm.assistantanalysisMore.assistantfinal12 m.", "12 m.", "Hmm.More.", []),
    ("plain", "analysisHmm.assistantfinalOne.assistantanalysisMore.assistantfinalTwo.", "One.Two.", "Hmm.More.", []),
    ("plain", "analysisHmm.", "", "Hmm.", []),
    ("plain", "analysisHmm.assistantfin", "", "Hmm.assistantfin", []),
    ("plain", "analysis of the well shows water", "analysis of the well shows water", "", []),
    ("plain", "analysis: 12 m.", "analysis: 12 m.", "", []),
    ("plain", "finally 12 m.", "finally 12 m.", "", []),
    # Harmony's tool calls
    ("plain", f"{A}Hmm.{END}{START}{CALL}", "", "Hmm.", [DEPTH]),
    ("plain", CALL, "", "", [DEPTH]),
    ("plain", START + ' to=functions.depth<|channel|>commentary json<|message|>{"well": "north"}<|call|>', "", "", [DEPTH]),
    ("plain", f"{A}Hmm.{END}{START}<|channel|>commentary<|message|>I look.{END}{START}{CALL}", "", "Hmm.I look.", [DEPTH]),
    ("plain", f"{A}Hmm.{END}{START}{CALL}{START}{CALL}", "", "Hmm.", [DEPTH, DEPTH]),
    # tags
    ("plain", "<think>Hmm.</think>12 m.", "12 m.", "Hmm.", []),
    ("plain", "<thinking>Größe ☂</thinking>Zwölf ☔", "Zwölf ☔", "Größe ☂", []),
    ("plain", "[THINK]Hmm.[/THINK]12 m.", "12 m.", "Hmm.", []),
    ("plain", "◁think▷Hmm.◁/think▷12 m.", "12 m.", "Hmm.", []),
    ("plain", "<seed:think>Hmm.</seed:think>12 m.", "12 m.", "Hmm.", []),
    ("plain", "<think>Hmm", "", "Hmm", []),
    ("plain", "<think></think>12 m.", "12 m.", "", []),
    ("plain", "</think>12 m.", "12 m.", "", []),
    ("plain", "<think>a<think>b</think>c</think>12 m.", "12 m.", "abc", []),
    ("plain", "<think>Is <think> a tag?</think>12 m.", "12 m.", "Is  a tag?", []),
    ("plain", "One.<think>Hmm.</think>Two.", "One.Two.", "Hmm.", []),
    ("plain", "12 m. <b>bold</b> <th", "12 m. <b>bold</b> <th", "", []),
    ("plain", f"<think>Hmm.</think>{HERMES}", "", "Hmm.", [DEPTH]),
    ("plain", f"<think>Perhaps {HERMES}?</think>12 m.", "12 m.", f"Perhaps {HERMES}?", []),
    # tags that the chat template opened in the prompt
    ("opens", "Hmm.</think>12 m.", "12 m.", "Hmm.", []),
    ("opens", "Hmm", "", "Hmm", []),
    ("opens", "</think>12 m.", "12 m.", "", []),
    ("opens", f"Hmm.</think>{HERMES}", "", "Hmm.", [DEPTH]),
    ("switched", "Hmm.</think>12 m.", "12 m.", "Hmm.", []),
    ("may", "Hmm.</think>12 m.", "12 m.", "Hmm.", []),
    ("may", "<think>Hmm.</think>12 m.", "12 m.", "Hmm.", []),
    ("may", "12 m.", "12 m.", "", []),
]  # fmt: skip

DEFINED = {"name": "depth", "description": "Depth of a well", "parameters": {"type": "object", "properties": {"well": {"type": "string"}}}}


@pytest.fixture(scope="module")
def address():
    loader = spelling_loader([case[1] for case in CASES])
    residency = Residency(max_memory_gb=8, unload_after_s=900, load=loader)
    models = [
        EngineModel(
            card=ModelCard(id=name),
            settings=EngineSettings(model_path=Path(f"/models/{name}.gguf")),
            traits=TemplateTraits(has_tools=True, has_thinking_switch=name == "switched", source=source),
        )
        for name, source in TEMPLATES.items()
    ]
    settings = ServerSettings(port=0, grace_s=1)
    with running(create_app(settings, roster=Roster([EngineBackend(model, residency) for model in models])), settings) as found:
        yield found


def asked(address, http, number, path, **body):
    """Ask and return the answer, or the data of the stream's events."""
    limit = "max_output_tokens" if path == "responses" else "max_tokens"
    words = {"model": CASES[number][0], limit: 2000, "temperature": 0, **body}
    answer = http.post(f"{address}/v1/{path}", json=words)
    assert answer.status_code == 200, answer.text
    if not body["stream"]:
        return answer.json()
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]


def by_chat(address, http, number, *, stream, shows):
    messages = [{"role": "user", "content": f"case {number}"}]
    tools = [{"type": "function", "function": DEFINED}]
    found = asked(address, http, number, "chat/completions", messages=messages, tools=tools, stream=stream, include_reasoning=shows)
    said = [chunk["choices"][0]["delta"] for chunk in found] if stream else [found["choices"][0]["message"]]
    calls = [call["function"] for message in said for call in message.get("tool_calls", [])]
    return (
        "".join(message.get("content") or "" for message in said),
        "".join(message.get("reasoning_content") or "" for message in said),
        [(call["name"], json.loads(call["arguments"])) for call in calls],
    )


def by_responses(address, http, number, *, stream, shows):
    tools = [{"type": "function", **DEFINED}]
    wanted = {"reasoning": {"summary": "auto"}} if shows else {}
    found = asked(address, http, number, "responses", input=f"case {number}", tools=tools, stream=stream, **wanted)
    items = (found[-1]["response"] if stream else found)["output"]
    texts = {"message": "", "reasoning": ""}
    for item in items:
        if item["type"] in texts:
            texts[item["type"]] += item["content"][0]["text"]
    if stream:
        for kind, name in (("message", "response.output_text.delta"), ("reasoning", "response.reasoning_text.delta")):
            assert texts[kind] == "".join(event["delta"] for event in found if event["type"] == name)
    calls = [(item["name"], json.loads(item["arguments"])) for item in items if item["type"] == "function_call"]
    return texts["message"], texts["reasoning"], calls


def by_messages(address, http, number, *, stream, shows):
    messages = [{"role": "user", "content": f"case {number}"}]
    tools = [{"name": "depth", "input_schema": DEFINED["parameters"]}]
    wanted = {"thinking": {"type": "enabled", "budget_tokens": 1024}} if shows else {}
    found = asked(address, http, number, "messages", messages=messages, tools=tools, stream=stream, **wanted)
    if not stream:
        blocks = found["content"]
        calls = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    else:
        deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
        blocks = [{**delta, "type": delta["type"].removesuffix("_delta")} for delta in deltas]
        names = [event["content_block"]["name"] for event in found if event.get("content_block", {}).get("type") == "tool_use"]
        calls = list(zip(names, [json.loads(block["partial_json"]) for block in blocks if block["type"] == "input_json"], strict=True))
    texts = {kind: "".join(block[kind] for block in blocks if block["type"] == kind) for kind in ("text", "thinking")}
    return texts["text"], texts["thinking"], calls


@pytest.mark.parametrize("number", range(len(CASES)))
def test_reasoning_stays_apart_in_every_protocol(address, http, number):
    _, _, content, reasoning, calls = CASES[number]
    for ask in (by_chat, by_responses, by_messages):
        for stream in (False, True):
            assert ask(address, http, number, stream=stream, shows=True) == (content, reasoning, calls), (ask, stream)


@pytest.mark.parametrize("ask", [by_chat, by_responses, by_messages])
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_that_nobody_asked_for_is_nowhere(address, http, ask, stream):
    for number in (0, 37, 42):
        _, _, content, _, calls = CASES[number]
        assert ask(address, http, number, stream=stream, shows=False) == (content, "", calls)


def test_there_are_sixty_cases():
    assert len({case[:2] for case in CASES}) >= 60


@pytest.mark.parametrize("first_is_whole", [True, False])
async def test_a_model_that_closes_what_nobody_opened_shows_so_at_most_once(first_is_whole):
    residency = Residency(max_memory_gb=8, unload_after_s=900, load=spelling_loader(["Hmm.</think>12 m."]))
    model = EngineModel(card=ModelCard(id="plain"), settings=EngineSettings(model_path=Path("/models/plain.gguf")))
    backend = EngineBackend(model, residency)
    asked = Generation(messages=(Message(role="user", content="case 0"),), temperature=0, is_whole=first_is_whole)

    first, later = [await said(backend, one) for one in (asked, replace(asked, is_whole=False))]

    assert first == ("12 m." if first_is_whole else "Hmm.12 m.")
    assert later == "12 m."
    await residency.close()


async def said(backend, generation):
    return "".join([part.text async for part in backend.generate(generation) if isinstance(part, Piece) and part.channel == "text"])
