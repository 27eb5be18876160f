"""Where the cluster is. These tests need a running one, and are started by the project's own tests."""

import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Callable, List

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))


def urls() -> List[str]:
    """The nodes' REST addresses, from the variable ``MANIFEST_TEST_URLS``."""
    value = os.environ.get("MANIFEST_TEST_URLS")
    if not value:
        raise RuntimeError("Set MANIFEST_TEST_URLS to the REST addresses of a running cluster, separated by commas.")
    return value.split(",")


def await_that(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Waits until it is so. Raises ``AssertionError`` where it does not come to that."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come to this: {what}")
        time.sleep(0.01)


def count_of_reads() -> int:
    """How often all nodes were asked for services so far, by their own count."""
    count = 0
    for url in urls():
        with urllib.request.urlopen(f"{url}/v1/metrics", timeout=20) as answer:
            text = answer.read().decode()
        for line in text.splitlines():
            if line.startswith("manifest_http_requests_total") and 'method="GET"' in line and "/services" in line:
                count += int(line.rpartition(" ")[2])
    return count
