"""Where the cluster is. These tests need a running one, and are started by the project's own tests."""

import os
import sys
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))


def urls() -> List[str]:
    """The nodes' REST addresses, from the variable ``MANIFEST_TEST_URLS``."""
    value = os.environ.get("MANIFEST_TEST_URLS")
    if not value:
        raise RuntimeError("Set MANIFEST_TEST_URLS to the REST addresses of a running cluster, separated by commas.")
    return value.split(",")
