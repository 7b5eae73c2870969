"""What a package offers stands in its `__all__`, and nothing else is public."""

import ast

import pytest
from tree import modules, parsed

PACKAGES = {name: path for name, path in modules().items() if path.name == "__init__.py" and name != "mallku"}


def offered(path):
    """Return the names of ours that an `__init__` makes public, and its `__all__`."""
    names, declared = set(), None
    for node in parsed(path).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mallku"):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id == "__all__":
                    declared = ast.literal_eval(node.value)
                elif isinstance(target, ast.Name):
                    names.add(target.id)
    return {name for name in names if not name.startswith("_")}, declared


def test_there_are_packages_to_check():
    assert len(PACKAGES) >= 6


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_all_names_exactly_what_the_package_offers(package):
    names, declared = offered(PACKAGES[package])
    if not names and declared is None:
        return

    assert declared is not None, "the package offers names but has no `__all__`"
    assert set(declared) >= names
    assert len(set(declared)) == len(declared)
