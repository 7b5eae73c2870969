"""The page on architecture names every module, and every module says what it owns."""

import ast
import subprocess
import sys

import pytest
from tree import ROOT, modules

MODULES = modules()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_says_what_it_owns(module):
    docstring = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8")))

    assert docstring, "write one sentence on what this module owns"
    assert len(docstring.split("\n\n")[0]) < 300


def test_the_page_on_architecture_matches_the_tree():
    check = subprocess.run([sys.executable, "docs/ownership.py", "--check"], cwd=ROOT, check=False)

    assert check.returncode == 0, "run `python docs/ownership.py`"


def test_the_error_tree_is_drawn_whole():
    import mallku.errors

    classes = [name for name, value in vars(mallku.errors).items() if isinstance(value, type)]

    assert len(classes) > 20
    assert [name for name in classes if name not in (mallku.errors.__doc__ or "")] == []


BROAD = {"mallku/events/bus.py", "mallku/detectors/panel.py"}


def test_broad_excepts_stand_only_at_the_named_borders():
    found = set()
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"Exception"}
                ends_in_raise = node.body and isinstance(node.body[-1], ast.Raise)
                if names & {"Exception", "BaseException"} and not ends_in_raise:
                    found.add(str(path.relative_to(ROOT)))

    assert found == BROAD
