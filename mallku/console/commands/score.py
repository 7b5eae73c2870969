"""`mallku score`: score a text, a transcript or a table as statements in a circle are scored."""

from pathlib import Path

import click

from mallku.console.commands.common import begin
from mallku.console.printable import printable
from mallku.detectors import score_file, write_rows
from mallku.detectors.scoring import InputFormat, OutputFormat


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--input", "input_format", type=click.Choice(["jsonl", "csv", "chat"]), help="Form of FILE; told by its ending if not given.")
@click.option(
    "--format",
    "--output",
    "output_format",
    type=click.Choice(["table", "jsonl", "csv"]),
    default="table",
    show_default=True,
    help="Form of the scores.",
)
@click.pass_context
def score(ctx: click.Context, file: Path, input_format: InputFormat | None, output_format: OutputFormat) -> int:
    """Score every text in FILE for sovereignty, reciprocity and topics.

    FILE holds JSON lines or a table with a column `text` (and, where there are, `speaker`, `question`, `previous`), or a chat log with
    `Name: text` on each line. Only jsonl shows the words that each score rests on.
    """
    begin(ctx)
    for line in write_rows(score_file(file, input_format=input_format), output_format):
        click.echo(printable(line))
    return 0
