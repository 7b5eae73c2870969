"""Every test runs in a home of its own, without the surroundings' settings, and reaches nothing but this machine."""

import os
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Tests are imported by their place, so that two rooms may have tests of one name; what they share is found here.
for folder in {path.parent for path in Path(__file__).parent.rglob("*.py") if not path.name.startswith(("test_", "conftest"))}:
    sys.path.append(str(folder))

# On a busy machine drawing examples may take long; that says nothing about what is tested.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")

_UNSET = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path, monkeypatch):
    """Give the test a home directory of its own and an environment without our settings."""
    for name in list(os.environ):
        if name in _UNSET or name.startswith(("MALLKU_", "LOCAL_", "LLM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch):
    """Refuse connections to anywhere else."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else ""
        if self.family in {socket.AF_INET, socket.AF_INET6} and host not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to reach {address!r}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
