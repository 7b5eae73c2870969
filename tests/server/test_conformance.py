"""Generated requests against our own OpenAPI description."""

import subprocess
import sys

import pytest
from support.scripted_backend import ScriptedBackend

from mallku.server import description

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection"


def tried(address, folder, *more):
    """Let schemathesis ask the server whatever its description allows, and some things that it does not."""
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    options = [
        "--seed",
        "1",
        "--generation-deterministic",
        "--max-examples",
        "6",
        "--phases",
        "examples,fuzzing",
        "--checks",
        CHECKS,
        "--exclude-path",
        "/v1/deliberations",
    ]
    command = [sys.executable, "-c", program, "run", f"{address}/openapi.json", *options, "--request-timeout", "20", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=110)


def test_generated_requests_find_no_fault(serve, tmp_path):
    run = tried(serve(ScriptedBackend("m", ["Let us share."])), tmp_path)

    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]


@pytest.mark.slow
def test_generated_requests_find_a_description_that_is_wrong(serve, tmp_path, monkeypatch):
    monkeypatch.setitem(description.ANSWERS, "/v1/messages/count_tokens", {"type": "object", "required": ["output_tokens"]})

    run = tried(serve(ScriptedBackend("m", ["Let us share."])), tmp_path)

    assert run.returncode == 1
    assert "output_tokens" in run.stdout, run.stdout[-5000:] + run.stderr[-2000:]
