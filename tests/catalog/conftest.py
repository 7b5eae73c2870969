"""What the tests of the catalog need from elsewhere."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))
