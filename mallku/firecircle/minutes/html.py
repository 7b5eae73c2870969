"""Minutes as one HTML page: self-contained, readable by screen readers, fit for paper. Every text is escaped."""

from collections.abc import Mapping
from html import escape
from typing import Final

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
    shortened,
)
from mallku.firecircle.minutes.details import details
from mallku.firecircle.minutes.front_page import TITLE_LENGTH, front_page
from mallku.firecircle.minutes.values import Minutes

STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --quiet: #666; --link: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; --link: #8ab8ea; } }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.2rem; } h3 { font-size: 1.05rem; margin-top: 1.6rem; }
figure { margin: 1rem 0; } figcaption { color: var(--quiet); }
blockquote { margin: .3rem 0 0; padding: .1rem 0 .1rem 1rem; border-left: .25rem solid var(--line); }
blockquote p { margin: .3rem 0; white-space: pre-wrap; }
a { color: var(--link); } :target { outline: 2px solid var(--link); outline-offset: 3px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: .92rem; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; }
tr { border-bottom: 1px solid var(--line); } code { font-size: .88em; } hr { border: 0; border-top: 1px solid var(--line); margin: 3rem 0; }
@media print {
  body { max-width: none; margin: 0; font-size: 10.5pt; } a { color: inherit; text-decoration: none; }
  hr { break-after: page; visibility: hidden; } h2, h3, figcaption { break-after: avoid; } figure, tr { break-inside: avoid; }
}
"""


def to_html(minutes: Minutes) -> str:
    """Render minutes as an HTML page that loads nothing from anywhere."""
    ids = anchors(minutes.turns)
    body = "\n".join(_block(block, ids) for block in (*front_page(minutes), *details(minutes)))
    title = escape(shortened(" ".join(" ".join(lines_of(minutes.question)).split()), TITLE_LENGTH))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Minutes: {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _block(block: Block, ids: Mapping[str, str]) -> str:
    match block:
        case Heading(level, line):
            return f'<h{level} dir="auto">{_line(line, ids)}</h{level}>'
        case Paragraph(line):
            return f"<p>{_line(line, ids)}</p>"
        case Quote(text, line):
            said = "\n".join(_text(one) for one in lines_of(text))
            caption = f"<figcaption>{_line(line, ids)}</figcaption>" if line else ""
            return f'<figure>{caption}<blockquote dir="auto"><p>{said}</p></blockquote></figure>'
        case Items(lines):
            return "<ul>\n" + "\n".join(f"<li>{_line(line, ids)}</li>" for line in lines) + "\n</ul>"
        case Table(caption, header, rows):
            head = "".join(f'<th scope="col">{_text(name)}</th>' for name in header)
            body = "\n".join(f"<tr>{_row(row, ids)}</tr>" for row in rows)
            told = f"<caption>{_text(caption)}</caption>"
            # A box that scrolls must be reachable by keyboard.
            name = escape(caption)
            return (
                f'<div class="wide" role="region" aria-label="{name}" tabindex="0"><table>{told}\n<thead><tr>{head}</tr></thead>\n'
                f"<tbody>\n{body}\n</tbody></table></div>"
            )
        case PageBreak():
            return "<hr>"


def _row(row: tuple[Line, ...], ids: Mapping[str, str]) -> str:
    first, *others = row
    return f'<th scope="row">{_line(first, ids)}</th>' + "".join(f'<td dir="auto">{_line(cell, ids)}</td>' for cell in others)


def _line(line: Line, ids: Mapping[str, str]) -> str:
    return "".join(_inline(piece, ids) for piece in line)


def _inline(piece: object, ids: Mapping[str, str]) -> str:
    match piece:
        case Text(text):
            return _text(text)
        case Strong(text):
            return f"<strong>{_text(text)}</strong>"
        case Code(text):
            return f"<code>{_text(text)}</code>"
        case Link(turn) if turn in ids:
            return f'<a href="#{ids[turn]}">{_text(turn)}</a>'
        case Link(turn):
            return _text(turn)
        case Place(turn):
            return f'<span id="{ids[turn]}"></span>' if turn in ids else ""
        case _:
            raise TypeError(piece)


def _text(text: str) -> str:
    return escape(" ".join(lines_of(text)))
