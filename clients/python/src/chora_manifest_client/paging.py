"""Reading a list that is longer than a page while others change it."""

from __future__ import annotations

from typing import Callable, List, Optional, Tuple

from .errors import ManifestError
from .records import ServiceRecord

#: The most that the registry gives at once.
PAGE_SIZE = 1_000


def read_all(read_page: Callable[[str], Tuple[List[ServiceRecord], Optional[str]]]) -> List[ServiceRecord]:
    """Reads every page. A cursor names an instance and no position, so that what comes and goes meanwhile neither hides an
    instance that was listed all the time nor shows one twice.

    Args:
        read_page: given a cursor, an empty one for the beginning, returns a page and the cursor of the next one, if any.

    Raises:
        ManifestError: a cursor leads back to itself.
    """
    found: List[ServiceRecord] = []
    cursor: Optional[str] = ""
    while cursor is not None:
        page, following = read_page(cursor)
        found += page
        if following == cursor:
            raise ManifestError("unexpected_answer", "The registry's list has a page that is followed by itself.")
        cursor = following
    return found
