"""`mallku score`: score a text, a transcript or a table as statements in a circle are scored."""

from pathlib import Path

import click

from mallku.console.commands.common import begin, in_loop
from mallku.console.printable import one_line, printable
from mallku.detectors import full_panel, row_lines
from mallku.detectors.scoring import OutputFormat, score_file_prepared
from mallku.detectors.texts import InputFormat


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
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
@click.option(
    "--embed", metavar="PATH.gguf", type=click.Path(path_type=Path), help="A GGUF that turns texts into vectors, for the third tier."
)
@click.pass_context
@in_loop
async def score(
    ctx: click.Context, *, file: Path, input_format: InputFormat | None, output_format: OutputFormat, embed: Path | None
) -> int:
    """Score every text in FILE for sovereignty, reciprocity and topics; `-` is standard input.

    FILE holds JSON lines or a table with a column `text` (and, where there are, `id`, `speaker`, `question`, `previous`, `conversation`), a
    Slack export, or a chat log such as `Name: text`, `[12:03] <name> text` or WhatsApp writes. It is read line by line, so it may be of
    any length. Lines that cannot be read are named on standard error and left out; the status is then 1. Only jsonl shows the words that
    each score rests on.
    """
    settings = begin(ctx)
    left_out = 0

    def tell(number: int, told: str) -> None:
        nonlocal left_out
        left_out += 1
        click.echo(one_line(f"{file}, line {number} {told}; it is left out."), err=True)

    from mallku.assembly.embedding import embedder

    embedding = embedder(embed or settings.embed)
    panel = full_panel(embedding)
    write = row_lines(output_format)
    head = list(write(None))  # shown once the file can be read
    try:
        if embedding is not None:
            await embedding.connect()
        async for row in score_file_prepared(file, panel, input_format=input_format, on_fault=tell):
            for line in (*head, *write(row)):
                click.echo(printable(line))
            head.clear()
        for line in head:
            click.echo(printable(line))
    finally:
        await panel.close()
    if left_out:
        click.echo(f"{left_out} line{'s' if left_out > 1 else ''} of {file} left out.", err=True)
    return 1 if left_out else 0
