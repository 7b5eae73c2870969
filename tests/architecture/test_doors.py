"""Each foreign library has one door, and importing us opens none of the heavy ones."""

import subprocess
import sys

import pytest
from tree import ROOT, imports_of, modules

DOORS = {
    "blinker": ("mallku.events.bus",),
    "openai": ("mallku.firecircle.adapters.sdk_connection",),
    "aiohttp": ("mallku.firecircle.adapters.direct_connection",),
    "httpx2": ("mallku.catalog.guarded_client",),
    "llama_cpp": ("mallku.engine.binding",),
    "jinja2": ("mallku.engine.",),
    "pynvml": ("mallku.meters.nvml",),
    "sqlalchemy": ("mallku.journal.",),
    "psycopg": ("mallku.journal.",),
    "redis": ("mallku.events.bridges.redis_streams",),
    "nats": ("mallku.events.bridges.nats_jetstream",),
    "sqlite3": ("mallku.journal.",),
    "rich": ("mallku.console", "mallku.notebook", "mallku.cli"),
    "structlog": ("mallku.console.",),
    "click": ("mallku.cli", "mallku.console."),
    "fastapi": ("mallku.server",),
    "starlette": ("mallku.server",),
    "uvicorn": ("mallku.server",),
    "ray": ("mallku.studies.ray_pool",),
    "torch": ("mallku.tiny.recipe",),
    "tokenizers": ("mallku.tiny.recipe",),
}
MODULES = modules()


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_is_imported_only_at_its_door(library):
    users = {name for name, path in MODULES.items() if any(i == library or i.startswith(f"{library}.") for i in imports_of(path))}

    assert {user for user in users if not user.startswith(DOORS[library])} == set()


def test_the_table_of_doors_is_about_libraries_in_use():
    used = {imported.split(".")[0] for path in MODULES.values() for imported in imports_of(path)}

    assert {"blinker", "sqlalchemy", "openai"} & used


HEAVY = ("openai", "aiohttp", "httpx2", "llama_cpp", "rich", "fastapi", "sqlalchemy", "numpy", "pydantic", "jinja2", "torch")


@pytest.mark.parametrize("package", ["mallku.firecircle", "mallku.events", "mallku.detectors", "mallku.journal"])
def test_importing_us_loads_nothing_heavy(package):
    code = f"import sys, {package}; print([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


def test_importing_us_starts_no_thread_and_configures_no_logging():
    code = "import logging, threading, mallku.firecircle; print(threading.active_count(), logging.getLogger().handlers)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "1 []"
