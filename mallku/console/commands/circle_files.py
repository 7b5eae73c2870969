"""`mallku templates`, `init` and `schema`: circle files to start from, and their form."""

import json
from pathlib import Path

import click

from mallku.assembly import templates as known
from mallku.errors import ConfigurationError

_DEFAULT_TEMPLATE = "governance"
_SCHEMA_FILE = "circle.schema.json"


@click.command()
@click.argument("name", required=False, default="")
def templates(name: str) -> int:
    """List the circles that come with mallku, or print the one called NAME."""
    if name:
        click.echo(known.template(name).text, nl=False)
        return 0
    found = known.templates()
    width = max(len(one.name) for one in found)
    for one in found:
        click.echo(f"{one.name:<{width}}  {one.description}")
    click.echo("\nUse one with `mallku deliberate QUESTION --template NAME`, or copy it with `mallku init NAME`.", err=True)
    return 0


@click.command()
@click.argument("name", metavar="TEMPLATE", required=False, default=_DEFAULT_TEMPLATE)
@click.option("--to", "target", type=click.Path(path_type=Path), default=Path("circle.toml"), show_default=True, help="File to write.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--schema", "with_schema", is_flag=True, help=f"Also write {_SCHEMA_FILE} beside it and point editors to it.")
def init(name: str, target: Path, *, force: bool, with_schema: bool) -> int:
    """Write a circle.toml to start from: the template of this name, with every line explained."""
    text = known.template(name).text
    if target.exists() and not force:
        raise ConfigurationError(f"{str(target)!r} is there already.", hint="Name another file with `--to`, or say `--force`.")
    try:
        if with_schema:
            target.with_name(_SCHEMA_FILE).write_text(schema_text(), encoding="utf-8")
            text = f"#:schema ./{_SCHEMA_FILE}\n{text}"
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{str(target)!r} cannot be written: {error.strerror}.", hint="Name another file with `--to`.") from error
    click.echo(
        f'{target} is written. Edit it, then: mallku deliberate "QUESTION"'
        + ("" if target.name == "circle.toml" else f" --circle {target}")
    )
    return 0


@click.command()
def schema() -> int:
    """Print the JSON Schema of circle.toml, for editors."""
    click.echo(schema_text(), nl=False)
    return 0


def schema_text() -> str:
    """Return the JSON Schema as text."""
    from mallku.assembly.config import circle_schema

    return json.dumps(circle_schema(), indent=2) + "\n"
