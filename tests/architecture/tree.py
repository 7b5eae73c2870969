"""The package as a graph: modules and what they import, lazily or not."""

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mallku"


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a module; many tests look at the same one."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    """Return the dotted names that a module imports anywhere in its text, `from a import b` as both `a` and `a.b`."""
    names = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def graph() -> dict[str, set[str]]:
    """Return for every module of ours the modules of ours it imports; a package only where a name of its `__init__` is meant."""
    known = modules()
    edges = {}
    for name, path in known.items():
        reached = set()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                reached |= {alias.name for alias in node.names if alias.name in known}
            elif isinstance(node, ast.ImportFrom) and node.module in known:
                for alias in node.names:
                    submodule = f"{node.module}.{alias.name}"
                    reached.add(submodule if submodule in known else str(node.module))
        edges[name] = reached - {name}
    return edges
