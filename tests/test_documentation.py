"""Every block of Python in the README and the docs runs, in order, in one namespace per page."""

import ast
import asyncio
import inspect
import re
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
ADDRESS = "http://localhost:8080"


def blocks(page):
    return [match[1] for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def test_there_are_blocks_to_run():
    assert len(blocks(ROOT / "README.md")) >= 3


@pytest.fixture
def address(page):
    """Start a real server with the bundled model where a page dials one."""
    if not any(ADDRESS in block for block in blocks(page)):
        yield ADDRESS
        return
    from real_servers import llama_server

    from mallku.tiny import rehearsal_model_path

    with llama_server(rehearsal_model_path()) as address:
        yield address


@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
async def test_the_python_of_a_page_runs(page, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("page")
    for number, block in enumerate(blocks(page), start=1):
        name = f"{page.name}, block {number}"
        code = compile(block.replace(ADDRESS, address), name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if "asyncio.run(" in block:
            await asyncio.to_thread(exec, code, vars(module))
            continue
        outcome = eval(code, vars(module))
        if inspect.isawaitable(outcome):
            await outcome
