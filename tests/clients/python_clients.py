"""Python clients that are installed here, each driven through what it can do. Imports nothing of mallku's: any environment will do.

python tests/clients/python_clients.py http://127.0.0.1:8642
"""

# ruff: noqa: T201 (its table is what it is for)

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SCHEMA = {"type": "object", "properties": {"well": {"type": "string"}}, "required": ["well"]}
ASKED = [{"role": "user", "content": "How deep is the north well?"}]
SHARED = "Let us share the well."


def cancelled(address):
    """Return how many answers were cancelled so far."""
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("mallku_cancelled_total"))


def is_cancelled(address, leave):
    """Leave an endless answer and see that it ends."""
    before = cancelled(address)
    leave()
    return any(cancelled(address) > before for _ in range(500))


def drive_openai(address):
    import openai

    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    tool = {"type": "function", "function": {"name": "depth", "description": "Depth of a well", "parameters": SCHEMA}}
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}

    def chat(model="helper", **more):
        return client.chat.completions.create(model=model, messages=ASKED, **more)

    def fails():
        try:
            chat("none")
        except openai.NotFoundError as error:
            return error.code == "model_not_found"

    def leave():
        with chat("endless", stream=True) as stream:
            next(iter(stream))

    yield "whole", chat().choices[0].message.content == SHARED
    yield "streamed", "".join(chunk.choices[0].delta.content or "" for chunk in chat(stream=True)) == SHARED
    yield "tools", json.loads(chat(tools=[tool]).choices[0].message.tool_calls[0].function.arguments) == {"well": "north"}
    yield "schema", json.loads(chat(response_format=form).choices[0].message.content) == {"well": "north"}
    yield "errors", fails()
    yield "cancel", is_cancelled(address, leave)
    yield "responses", client.responses.create(model="helper", input="How deep?").output_text == SHARED
    yield "bundled model", bool(chat("tiny", max_tokens=12).choices[0].message.content)


def drive_anthropic(address):
    import anthropic

    client = anthropic.Anthropic(base_url=address, api_key="none", max_retries=0)

    def message(model="helper", **more):
        return client.messages.create(model=model, max_tokens=50, messages=ASKED, **more)

    def streamed():
        with client.messages.stream(model="helper", max_tokens=50, messages=ASKED) as stream:
            return "".join(stream.text_stream)

    def fails():
        try:
            message("none")
        except anthropic.NotFoundError:
            return True

    def leave():
        with client.messages.stream(model="endless", max_tokens=50, messages=ASKED) as stream:
            next(iter(stream.text_stream))

    form = {"format": {"type": "json_schema", "schema": SCHEMA}}
    yield "whole", message().content[0].text == SHARED
    yield "streamed", streamed() == SHARED
    yield "tools", message(tools=[{"name": "depth", "input_schema": SCHEMA}]).content[0].input == {"well": "north"}
    yield "schema", json.loads(message(extra_body={"output_config": form}).content[0].text) == {"well": "north"}
    yield "errors", fails()
    yield "cancel", is_cancelled(address, leave)
    yield "bundled model", bool(message("tiny").content[0].text)


def drive_langchain(model, missing):
    """Drive either of LangChain's chat models."""
    tool = {"name": "depth", "description": "Depth of a well", "input_schema": SCHEMA, "parameters": SCHEMA}
    tool.pop("parameters" if "Anthropic" in type(model).__name__ else "input_schema")

    def fails():
        try:
            missing.invoke("How deep?")
        except Exception as error:  # noqa: BLE001 - each maker has an error of its own
            return "not served" in str(error)

    yield "whole", model.invoke("How deep?").content == SHARED
    texts = [chunk.text if isinstance(chunk.text, str) else chunk.text() for chunk in model.stream("How deep?")]
    yield "streamed", "".join(texts) == SHARED
    yield "tools", model.bind_tools([tool]).invoke("How deep?").tool_calls[0]["args"] == {"well": "north"}
    formed = model.with_structured_output({"title": "place", "description": "A place", **SCHEMA})
    yield "schema", formed.invoke("Where?") == {"well": "north"}
    yield "errors", fails()


def drive_langchain_openai(address):
    from langchain_openai import ChatOpenAI

    common = {"base_url": f"{address}/v1", "api_key": "none", "max_retries": 0}
    yield from drive_langchain(ChatOpenAI(model="helper", **common), ChatOpenAI(model="none", **common))


def drive_langchain_anthropic(address):
    from langchain_anthropic import ChatAnthropic

    common = {"base_url": address, "api_key": "none", "max_retries": 0}
    yield from drive_langchain(ChatAnthropic(model="helper", **common), ChatAnthropic(model="none", **common))


def drive_litellm(address):
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    tool = {"type": "function", "function": {"name": "depth", "parameters": SCHEMA}}

    def chat(model="openai/helper", base=f"{address}/v1", **more):
        return litellm.completion(model=model, api_base=base, api_key="none", messages=ASKED, num_retries=0, **more)

    def fails():
        try:
            chat("openai/none")
        except litellm.NotFoundError:
            return True

    yield "whole", chat().choices[0].message.content == SHARED
    yield "streamed", "".join(chunk.choices[0].delta.content or "" for chunk in chat(stream=True)) == SHARED
    yield "tools", json.loads(chat(tools=[tool]).choices[0].message.tool_calls[0].function.arguments) == {"well": "north"}
    yield "errors", fails()
    yield "anthropic", chat("anthropic/helper", address, max_tokens=50).choices[0].message.content == SHARED


def drive_llm(address):
    entry = "- model_id: {0}\n  model_name: {0}\n  api_base: '{1}/v1'\n  supports_schema: true\n  supports_tools: true\n"
    with tempfile.TemporaryDirectory() as folder:
        text = "".join(entry.format(name, address) for name in ("helper", "none"))
        (Path(folder) / "extra-openai-models.yaml").write_text(text, encoding="utf-8")

        def run(*arguments):
            environment = {**os.environ, "LLM_USER_PATH": folder, "OPENAI_API_KEY": "none"}
            command = [sys.executable, "-m", "llm", "prompt", "--no-log", *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

        yield "whole", run("-m", "helper", "--no-stream", "How deep?").stdout.strip() == SHARED
        yield "streamed", run("-m", "helper", "How deep?").stdout.strip() == SHARED
        yield "schema", json.loads(run("-m", "helper", "--schema", "well", "Where?").stdout) == {"well": "north"}
        tool = "def depth(well: str) -> str:\n    'Depth of a well'\n    return '12 m'"
        yield "tools", "12 m deep" in run("-m", "helper", "--functions", tool, "How deep?").stdout
        yield "errors", "not served" in run("-m", "none", "How deep?").stderr


CLIENTS = {
    "openai": drive_openai,
    "anthropic": drive_anthropic,
    "langchain-openai": drive_langchain_openai,
    "langchain-anthropic": drive_langchain_anthropic,
    "litellm": drive_litellm,
    "llm": drive_llm,
}


def main():
    """Drive them all; print what each did, and return 1 if anything was wrong."""
    address, failed = sys.argv[1], 0
    for name, drive in CLIENTS.items():
        try:
            label = f"{name} {version(name)}"
        except PackageNotFoundError:
            print(f"{name}: not installed")
            continue
        done, steps = [], drive(address)
        try:
            for step, passed in steps:
                done.append(step if passed else f"{step} WRONG")
                failed += not passed
        except Exception as error:  # noqa: BLE001 - whatever a client raises is its result
            done.append(f"BROKE OFF: {type(error).__name__}: {str(error)[:200]}")
            failed += 1
        print(f"{label}: {', '.join(done)}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
