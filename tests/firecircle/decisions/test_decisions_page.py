"""The page on decisions runs, and prints what it says it prints."""

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "decisions.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_and_output(page):
    """Return for each `text` block of the page what it says and what the code before it printed."""
    namespace, printed, pairs = {}, "", []
    for kind, body in BLOCK.findall(page):
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(body, str(PAGE), "exec"), namespace)
            printed = out.getvalue()
        else:
            pairs.append((body, printed))
    return pairs


def test_every_figure_on_the_page_is_what_the_code_prints():
    pairs = blocks_and_output(PAGE.read_text(encoding="utf-8"))
    assert len(pairs) > 15
    for said, printed in pairs:
        assert said == printed
