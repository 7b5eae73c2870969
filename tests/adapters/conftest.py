"""What the tests of participants need from elsewhere."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "support"))

from server_fixtures import llama_cpp_python_url, llama_server_url, random_model, slow_model, strict_model  # noqa: F401 - after the path; pytest finds them here


@pytest.fixture(params=["directly", "through the SDK"])
def way(request, monkeypatch):
    """Both ways in which a request may travel to a server."""
    if request.param != "directly":
        monkeypatch.setitem(sys.modules, "aiohttp", None)
    return request.param
