"""What the journal's tests need from elsewhere."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))

from postgresql_fixtures import _database_for_tests, postgresql_database, postgresql_server  # noqa: F401 - after the path; pytest finds them here
