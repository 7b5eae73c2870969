"""The command `mallku serve`: flags of the server, one for each of its settings that a command line needs."""

from pathlib import Path
from typing import Any

import click

from mallku.errors import ConfigurationError


@click.command()
@click.option("--host", help="Address to listen on; anything but loopback demands a key.")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--model", "models", multiple=True, metavar="[NAME=]SPEC", help="A model to serve: a GGUF path, tiny, or http://HOST:PORT/v1#MODEL."
)
@click.option("--model-directory", "model_directories", multiple=True, metavar="PATH", help="Serve all GGUF files of a directory.")
@click.option("--default-model", help="Model of requests that name none.")
@click.option("--circle", "circles", multiple=True, metavar="PATH", help="A circle file to serve as circle/NAME.")
@click.option("--circle-model", metavar="SPEC", help="What speaks for seats that name no model.")
@click.option("--keys-file", metavar="PATH", help="Named, hashed keys that clients must present.")
@click.option("--new-key", metavar="NAME", help="Add a key to the keys file, print it once, and end.")
@click.option("--allowed-host", "allowed_hosts", multiple=True, metavar="NAME", help="A further name of this server.")
@click.option("--allowed-origin", "allowed_origins", multiple=True, metavar="ORIGIN", help="A web origin whose pages may call this server.")
@click.option("--allow-remote", is_flag=True, default=None, help="Let participants speak from public addresses.")
@click.option("--max-memory-gb", type=float, help="Memory of all loaded models together.")
@click.option("--max-concurrent", type=int, help="Requests that are worked on at once.")
@click.option("--requests-per-minute", type=int, help="Requests one key may make in a minute.")
@click.option("--request-timeout-s", type=float, help="Seconds one answer may take.")
@click.option("--context-length", type=int, help="Tokens of one request's window.")
@click.option("--gpu-layers", type=int, help="Layers kept on the GPU; -1 is all.")
@click.option("--threads", type=int, help="Threads of one decode step.")
@click.option("--journal", help="Where deliberations are kept: a path or a database URL.")
@click.option("--config", type=click.Path(path_type=Path), help="A TOML file with a table [serve]; mallku.toml if there is one.")
@click.pass_context
def serve(ctx: click.Context, /, *, config: Path | None, new_key: str | None, **flags: Any) -> None:
    """Serve models and whole circles over the protocols of OpenAI and Anthropic.

    \b
    mallku serve --model small.gguf --circle council.toml

    Every setting can also be given in the environment as MALLKU_SERVE_ and its name, or in the table [serve] of mallku.toml.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    try:
        from mallku.server.keys import new_key as make_key
        from mallku.server.serving import serve as run
        from mallku.server.settings import load_settings
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"The server needs {error.name!r}.", hint="Install it with `pip install 'mallku[server]'`.") from error

    level = (ctx.obj or {}).get("log_level")
    if level not in {None, "off"}:
        flags["log_level"] = level
    if new_key is not None:
        click.echo(make_key(new_key, Path(flags["keys_file"] or "mallku-keys.txt")))
        return
    settings = load_settings(flags, config=config)
    run(settings, on_ready=lambda address: click.echo(f"mallku serves at {address}/v1 (documentation: {address}/docs)", err=True))
