"""The answer to one question, kept level with the registry by a watch."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, cast

from .answers import RegistryAnswer
from .filters import Filters
from .records import ServiceRecord, WatchedRecord
from .watch import Watch
from .watch_events import WatchEvent

_logger = logging.getLogger("chora_manifest_client")

#: The registry says something every 15 seconds at least. A node that is silent for longer is not believed to be level.
LEVEL_SECONDS = 20.0

_Key = Tuple[str, str]


class Mirror:
    """The instances that meet some conditions, as a watch tells of them. A daemon thread takes the events.

    Readers need no lock, and signal handlers may read: whatever changes is changed by a single assignment.
    """

    def __init__(
        self,
        watch: Watch,
        filters: Filters,
        order: Callable[[ServiceRecord], Any],
        monotonic: Callable[[], float],
    ) -> None:
        """Prepares it; ``start`` begins the watch.

        Args:
            watch: of the same conditions, with the present state first. It ends with the mirror.
            filters: to be judged here, see ``Filters.are_judged_here``.
            order: sorts the records of an answer.
            monotonic: the clock of the answers, in seconds.
        """
        self._watch = watch
        self._filters = filters
        self._order = order
        self._monotonic = monotonic
        self._arriving: Dict[_Key, ServiceRecord] = {}
        self._state: Optional[_State] = None
        #: No more is to come: the registry refused the watch, or it was closed.
        self.has_ended = False
        #: When it was read last.
        self.read_at = monotonic()

    def start(self) -> None:
        """Raises ``RuntimeError`` where the system has no thread left."""
        threading.Thread(target=self._run, name="manifest-mirror", daemon=True).start()

    @property
    def is_level(self) -> bool:
        """Whether a node tells what happens, so that the answer is as good as a new one."""
        return self._watch.is_connected and self._monotonic() - self._watch.heard_at < LEVEL_SECONDS

    def answer(self) -> Optional[RegistryAnswer]:
        """What the registry lists, as of when a node was heard last. ``None`` before the first state was whole."""
        self.read_at = self._monotonic()
        heard_at = self._watch.heard_at
        state = self._state
        return None if state is None else RegistryAnswer(state.sorted(self._order), state.revision, True, heard_at)

    def close(self) -> None:
        """Ends the watch; does not wait."""
        self._watch.close()

    def _run(self) -> None:
        try:
            with self._watch as watch:
                while True:
                    event = watch._next_of_any_kind()
                    if event is None:
                        break
                    self._take(event)
        except Exception as problem:
            _logger.info("answers are not kept level by a watch, but asked for again: %s", problem)
        finally:
            self.has_ended = True

    def _take(self, event: WatchEvent) -> None:
        if event.type == "current":
            record = _listed(event)
            self._arriving[_key(record)] = record
        elif event.type == "synced":  # a watch tells states as a whole, so that nothing else is among what arrived
            self._state, self._arriving = _State(self._arriving, _revision(event)), {}
        elif self._state is not None and event.type != "compacted":
            records = self._state.records
            if event.record is not None:
                records = self._changed(dict(records), _listed(event))
            self._state = _State(records, _revision(event))

    def _changed(self, records: Dict[_Key, ServiceRecord], record: ServiceRecord) -> Dict[_Key, ServiceRecord]:
        if record["status"] != "down" and self._filters.match(record):
            records[_key(record)] = record
        else:
            records.pop(_key(record), None)
        return records


@dataclass
class _State:
    """What is listed at a revision. Neither changes any more."""

    records: Mapping[_Key, ServiceRecord]
    revision: int
    _sorted: Optional[List[ServiceRecord]] = field(default=None, init=False)

    def sorted(self, order: Callable[[ServiceRecord], Any]) -> List[ServiceRecord]:
        known = self._sorted
        if known is None:
            known = self._sorted = sorted(self.records.values(), key=order)
        return known


def _key(record: ServiceRecord) -> _Key:
    return record["name"], record["id"]


def _listed(event: WatchEvent) -> ServiceRecord:
    """The record as a list shows it."""
    shown = dict(cast(WatchedRecord, event.record))
    shown.pop("changed", None)
    return cast(ServiceRecord, shown)


def _revision(event: WatchEvent) -> int:
    assert event.revision is not None  # as of every event but ``current``
    return event.revision
