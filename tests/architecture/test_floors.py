"""A room imports lower floors only; rooms on one floor do not know each other; there are no rings."""

import pytest
from tree import graph

FLOORS = [
    {"errors", "dialogue"},
    {"events"},
    {"wire", "catalog", "engine", "detectors", "journal", "meters", "tiny"},
    {"firecircle"},
    {"assembly", "testing"},
    {"server", "console", "notebook", "studies"},
    {"cli", "cli_serve", "__main__"},
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
GROUND = {("dialogue", "errors"), ("__main__", "cli")}
"""Pairs on one floor that may know each other: values raise errors, `python -m` calls the command line."""
EDGES = graph()


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_the_walk_finds_the_house():
    assert len(EDGES) > 40
    assert any(targets for targets in EDGES.values())


def test_every_room_has_a_floor():
    assert {room(module) for module in EDGES} - {""} <= set(FLOOR_OF)


@pytest.mark.parametrize("module", sorted(EDGES))
def test_a_module_imports_lower_floors_only(module):
    here = room(module)
    for target in EDGES[module]:
        there = room(target)
        if not here or not there or here == there or (here, there) in GROUND:
            continue
        assert FLOOR_OF[there] < FLOOR_OF[here], f"{module} (floor {FLOOR_OF[here]}) imports {target} (floor {FLOOR_OF[there]})"


@pytest.mark.parametrize("module", sorted(m for m in EDGES if m.startswith("mallku.firecircle.adapters")))
def test_adapters_do_not_know_the_circle(module):
    outside = {t for t in EDGES[module] if t.startswith("mallku.firecircle") and not t.startswith("mallku.firecircle.adapters")}

    assert not outside


def test_there_are_no_rings():
    done, path = set(), []

    def visit(module):
        if module in path:
            raise AssertionError(" → ".join([*path[path.index(module) :], module]))
        if module in done:
            return
        path.append(module)
        for target in sorted(EDGES[module]):
            visit(target)
        path.pop()
        done.add(module)

    for module in EDGES:
        visit(module)
