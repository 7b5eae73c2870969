"""Write the table of modules in docs/architecture.md: one ownership sentence per module, taken from its docstring.

python docs/ownership.py          write it
python docs/ownership.py --check  exit with 1 if the file does not match the tree
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules: begin -->", "<!-- modules: end -->"


def table() -> str:
    """Return the table as Markdown, a section for each room."""
    rooms: dict[str, list[str]] = {}
    for path in sorted((ROOT / "mallku").rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "(says nothing)"
        sentence = " ".join(docstring.split("\n\n")[0].split())
        room = "mallku" if len(parts) == 2 else "/".join(parts[:2])  # noqa: PLR2004 - package and file
        rooms.setdefault(room, []).append(f"| `{'/'.join(parts[1:])}` | {sentence.replace('|', chr(92) + '|')} |")
    sections = [f"### {room}\n\n| module | owns |\n|---|---|\n" + "\n".join(rows) for room, rows in sorted(rooms.items())]
    return "\n\n".join(sections)


def page() -> str:
    """Return the whole page with a fresh table."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    fresh = page()
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != fresh)
    PAGE.write_text(fresh, encoding="utf-8")
