"""Generated requests against our own OpenAPI description."""

import importlib.util
import subprocess
import sys

import pytest

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_generated_requests_find_no_fault(lasting_server, tmp_path):
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    options = ["--max-examples", "10", "--phases", "examples,fuzzing", "--checks", CHECKS, "--exclude-path", "/v1/deliberations"]
    command = [sys.executable, "-c", program, "run", f"{lasting_server}/openapi.json", *options, "--request-timeout", "20"]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110)

    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
