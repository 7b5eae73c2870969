"""`mallku models`: the local servers and model files that are here."""

import asyncio
import json
from typing import Any

import click

from mallku.catalog.local_servers import FoundServer, discover_servers
from mallku.catalog.model_facts import ModelFacts
from mallku.catalog.model_folders import FoundModels, find_model_files, known_folders
from mallku.catalog.server_presets import preset
from mallku.console.commands.common import begin, in_loop
from mallku.console.printable import one_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.pass_context
@in_loop
async def models(ctx: click.Context, *, as_json: bool) -> int:
    """List the local servers that answer and the model files that are here.

    Each line begins with what `--seat` and `--model` take.
    """
    begin(ctx)
    servers, files = await asyncio.gather(discover_servers(), asyncio.to_thread(find_model_files))
    click.echo(json.dumps(_as_data(servers, files), indent=2) if as_json else "\n".join(_lines(servers, files)))
    return 0


def _lines(servers: tuple[FoundServer, ...], files: FoundModels) -> list[str]:
    lines = ["Servers that answer on this machine:"]
    for server in servers:
        lines += _server_lines(server)
    if not servers:
        lines.append("  none; start one, such as Ollama, LM Studio or llama-server")
    lines += ["", "Model files:"]
    lines += [_file_line(facts) for facts in files.models if facts.speaks]
    if not any(facts.speaks for facts in files.models):
        folders = ", ".join(str(folder.path) for folder in known_folders()) or "~/.local/share/mallku/models"
        lines.append(f"  none; put GGUF files into {folders}")
    lines += [f"  not usable: {one_line(str(path))}: {one_line(reason)}" for path, reason in files.unusable]
    return [*lines, "", "Always here:", "  tiny  the bundled rehearsal model; it shows the procedure, its opinions mean nothing"]


def _server_lines(server: FoundServer) -> list[str]:
    if server.facts is None:
        return [f"  {server.url}  {one_line(server.problem)}"]
    known = preset(server.facts.server)
    title = known.title if known else "a server"
    lines = []
    for model in server.facts.models:
        facts = [title]
        facts += [f"{model.window} tokens"] if model.window else []
        facts += ["in memory"] if model.loaded else []
        facts += ["makes embeddings, does not speak"] if model.embeds else []
        facts += ["NOT LOCAL: passed on to its makers' machines"] if model.remote else []
        lines.append(f"  {server.url}#{one_line(model.id)}  {', '.join(facts)}")
    return lines or [f"  {server.url}  {title}; it lists no model"]


def _file_line(facts: ModelFacts) -> str:
    if facts.format != "gguf":
        return f"  {one_line(facts.id)}  {facts.format}, {facts.size_bytes / 1e9:.1f} GB; serve it with vLLM or a like server"
    parts = [f"{facts.size_bytes / 1e9:.1f} GB", facts.architecture, _weights(facts.parameters), facts.quantization]
    parts += [f"{facts.context_length} tokens"] if facts.context_length else []
    parts += [f"licence {facts.licence}"] if facts.licence else []
    parts += [facts.source] if facts.source else []
    parts += [] if facts.chat_template else ["no chat template"]
    return f"  gguf:{one_line(str(facts.path))}  {one_line(', '.join(part for part in parts if part))}"


def _weights(count: int) -> str:
    """Return a number of weights as people write it."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.3g} {name} weights"
    return ""


def _as_data(servers: tuple[FoundServer, ...], files: FoundModels) -> dict[str, Any]:
    return {
        "servers": [
            {
                "url": server.url,
                "server": server.facts.server if server.facts else "",
                "problem": server.problem,
                "models": [
                    {
                        "spec": f"{server.url}#{model.id}",
                        "id": model.id,
                        "window": model.window,
                        "loaded": model.loaded,
                        "embeds": model.embeds,
                        "remote": model.remote,
                    }
                    for model in (server.facts.models if server.facts else ())
                ],
            }
            for server in servers
        ],
        "files": [{"spec": f"gguf:{facts.path}" if facts.format == "gguf" else "", **facts.to_data()} for facts in files.models],
        "unusable": [{"path": str(path), "reason": reason} for path, reason in files.unusable],
    }
