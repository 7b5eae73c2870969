"""The pages on decisions and rounds print what they say they print."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_and_output(page):
    """Return for each `text` block of the page what it says and what the code before it printed."""
    namespace, printed, pairs = {}, "", []
    for kind, body in BLOCK.findall(page):
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(body, "page", "exec"), namespace)
            printed = out.getvalue()
        else:
            pairs.append((body, printed))
    return pairs


@pytest.mark.parametrize(("page", "least"), [("decisions.md", 16), ("rounds.md", 4)])
def test_every_figure_on_the_page_is_what_the_code_prints(page, least):
    pairs = blocks_and_output((DOCS / page).read_text(encoding="utf-8"))
    assert len(pairs) >= least
    for said, printed in pairs:
        assert said == printed
