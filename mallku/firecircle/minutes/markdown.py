"""Minutes as Markdown. Whatever was said cannot become structure: every text is escaped."""

import re
from collections.abc import Mapping

from mallku.firecircle.minutes.blocks import (
    Block,
    Code,
    Heading,
    Items,
    Line,
    Link,
    PageBreak,
    Paragraph,
    Place,
    Quote,
    Strong,
    Table,
    Text,
    anchors,
    lines_of,
)
from mallku.firecircle.minutes.details import details
from mallku.firecircle.minutes.front_page import front_page
from mallku.firecircle.minutes.values import Minutes

_ANYWHERE = re.compile(r"([\\`*_\[\]|~$])")
_AT_THE_START = re.compile(r"^(\s*)([#+\-=]|:(?=-)|\d+(?=[.)](?:\s|$)))")
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_PLAIN_CODE = re.compile(r"[\w./:# -]+")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def to_markdown(minutes: Minutes) -> str:
    """Render minutes as Markdown (GitHub's: with tables), plain enough to be read as it is."""
    ids = anchors(minutes.turns)
    return "\n\n".join(_block(block, ids) for block in (*front_page(minutes), *details(minutes))) + "\n"


def _block(block: Block, ids: Mapping[str, str]) -> str:
    match block:
        case Heading(level, line):
            return f"{'#' * level} {_line(line, ids)}"
        case Paragraph(line):
            return _line(line, ids)
        case Quote(text, line):
            said = "\n".join(f"> {_indented(one)}\\" if one.strip() else ">" for one in lines_of(text))
            # A backslash at a line's end keeps the break; after the last line of a paragraph it would be shown.
            said = re.sub(r"\\(?=\n>\n|\n>$|$)", "", said)
            return f"{_line(line, ids)}\n\n{said}" if line else said
        case Items(lines):
            return "\n".join(f"- {_line(line, ids)}" for line in lines)
        case Table(caption, header, rows):
            head = f"| {' | '.join(map(escaped, header))} |\n|{' --- |' * len(header)}"
            body = "\n".join(f"| {' | '.join(_line(cell, ids) for cell in row)} |" for row in rows)
            return f"{escaped(caption)}:\n\n{head}\n{body}"
        case PageBreak():
            return "---"


def _line(line: Line, ids: Mapping[str, str]) -> str:
    return "".join(_inline(piece, ids) for piece in line)


def _inline(piece: object, ids: Mapping[str, str]) -> str:
    match piece:
        case Text(text):
            return _flat(text)
        case Strong(text):
            return f"**{_flat(text).strip()}**" if text.strip() else ""
        case Code(text):
            return f"`{text}`" if _PLAIN_CODE.fullmatch(text) else f"<code>{_flat(text)}</code>"
        case Link(turn) if turn in ids:
            return f"[{_flat(turn)}](#{ids[turn]})"
        case Link(turn):
            return _flat(turn)
        case Place(turn):
            return f'<a id="{ids[turn]}"></a>' if turn in ids else ""
        case _:
            raise TypeError(piece)


def _flat(text: str) -> str:
    """Escape a text and keep it on one line."""
    return escaped(" ".join(lines_of(text)))


def escaped(text: str) -> str:
    """Escape whatever Markdown or HTML could take for structure in one line of text."""
    marked = _ADDRESS.sub(lambda match: f"\\{match.group()}", _ANYWHERE.sub(r"\\\1", text))
    marked = _AT_THE_START.sub(lambda match: f"{match[1]}{match[2]}\\" if match[2].isdigit() else f"{match[1]}\\{match[2]}", marked)
    return re.sub("[&<>]", lambda match: _ENTITIES[match.group()], marked)


def _indented(line: str) -> str:
    """Escape a line and keep its indentation, which would otherwise make it code."""
    indent = len(line) - len(line.lstrip())
    return "&nbsp;" * indent + escaped(line.lstrip())
