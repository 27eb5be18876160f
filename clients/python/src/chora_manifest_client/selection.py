"""Which of several instances a caller gets."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from typing import Callable, Sequence

from .records import ServiceRecord

#: Services whose last turn is remembered; beyond that the least recently asked for begins anew.
_REMEMBERED_SERVICES = 1_024

# After a cold start of the registry, "unknown" says nothing against an instance; "unhealthy" does.
_PREFERENCE = {"up": 0, "unknown": 1, "unhealthy": 2}


class TurnTaker:
    """Hands out the best instances of a service in turn, beginning anywhere. Thread safe, also within a signal handler."""

    def __init__(self, choose: Callable[[int], int] = random.randrange) -> None:
        self._choose = choose
        self._lock = threading.RLock()
        self._last_id_by_name: "OrderedDict[str, str]" = OrderedDict()

    def pick(self, name: str, records: Sequence[ServiceRecord]) -> ServiceRecord:
        """The next one among those in the best health. ``records`` must not be empty."""
        best = min(health_rank(record) for record in records)
        candidates = [record for record in records if health_rank(record) == best]
        candidates.sort(key=lambda record: record["id"])
        with self._lock:
            last_id = self._last_id_by_name.pop(name, None)
            if last_id is None:
                picked = candidates[self._choose(len(candidates))]
            else:
                # By id rather than by position, so that instances that come and go do not upset the order.
                picked = next((record for record in candidates if record["id"] > last_id), candidates[0])
            self._last_id_by_name[name] = picked["id"]
            if len(self._last_id_by_name) > _REMEMBERED_SERVICES:
                self._last_id_by_name.popitem(last=False)
        return picked

    def forget_after_fork(self) -> None:
        """In a forked child, the lock may be held by a thread that only the parent has."""
        self._lock = threading.RLock()


def health_rank(record: ServiceRecord) -> int:
    """Zero for the best health."""
    return _PREFERENCE.get(record["status"], len(_PREFERENCE))
