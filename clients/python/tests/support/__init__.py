"""What the tests share. Importing it makes the package importable from the source tree."""

import logging
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

if str(PROJECT / "src") not in sys.path:
    sys.path.insert(0, str(PROJECT / "src"))

# The failures that tests provoke are not to be shown on the screen.
logging.getLogger("chora_manifest_client").addHandler(logging.NullHandler())
