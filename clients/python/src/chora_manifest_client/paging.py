"""Reading a list that is longer than a page while others change it."""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple

from .records import ServiceRecord

#: The most that the registry gives at once.
PAGE_SIZE = 1_000

_FIRST_OVERLAP = 50

_Key = Tuple[str, str]


def read_all(read_page: Callable[[int, int], List[ServiceRecord]]) -> List[ServiceRecord]:
    """Reads every page, so that no instance that was listed all the time is missing.

    The list is sorted by name and id. Each page begins inside the one before it: if the records there have moved up so
    far that something may have slipped through between the two, it is read again from further back.

    Args:
        read_page: given a limit and an offset, returns one page.
    """
    found: Dict[_Key, ServiceRecord] = {}
    offset = 0
    overlap = _FIRST_OVERLAP
    reached: _Key = ("", "")
    while True:
        page = read_page(PAGE_SIZE, offset)
        if offset > 0 and (not page or _key(page[0]) > reached):
            offset = max(0, offset - overlap)
            overlap *= 2
            continue
        found.update((_key(record), record) for record in page)
        if len(page) < PAGE_SIZE:
            return [found[key] for key in sorted(found)]
        reached = max(reached, _key(page[-1]))
        offset += PAGE_SIZE - _FIRST_OVERLAP
        overlap = _FIRST_OVERLAP


def _key(record: ServiceRecord) -> _Key:
    return record["name"], record["id"]
