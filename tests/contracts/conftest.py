"""What the contract suites need from elsewhere."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))

from postgresql_fixtures import _database_for_tests, postgresql_database, postgresql_server  # noqa: F401 - after the path; pytest finds them here
from server_fixtures import llama_cpp_python_url, llama_server_url, random_model  # noqa: F401 - as above
