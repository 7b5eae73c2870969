"""The page on architecture names every module, and every module says what it owns."""

import ast
import subprocess
import sys

import pytest
from tree import ROOT, modules, parsed

MODULES = modules()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_says_what_it_owns(module):
    docstring = ast.get_docstring(parsed(MODULES[module]))

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
"""Where the code of others runs: what it raises is reported there, and stops there."""
EVERYTHING = {"Exception", "BaseException"}


def test_broad_excepts_stand_only_at_the_named_borders():
    found, passed_on = set(), 0
    for path in MODULES.values():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or named(node.type) & EVERYTHING):
                # elsewhere one may only undo what was begun, and must raise on what was caught
                last = node.body[-1]
                raised_on = isinstance(last, ast.Raise) and last.exc is None
                passed_on += raised_on
                found |= set() if raised_on else {str(path.relative_to(ROOT))}
            elif isinstance(node, ast.Call) and "suppress" in named(node.func) and any(named(kind) & EVERYTHING for kind in node.args):
                found.add(str(path.relative_to(ROOT)))

    assert found == BROAD
    assert passed_on > 5


def named(node):
    return {part.id if isinstance(part, ast.Name) else part.attr for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute)}
