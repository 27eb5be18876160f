"""What a watch tells, and in which order it may be told. Without a network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, List, Optional, cast

from .errors import ManifestError, error_from_answer
from .event_text import SentEvent
from .records import WatchedRecord

#: Changes of an instance, each with a revision of its own that is the same on every node.
CHANGES = frozenset(["registered", "updated", "status", "deregistered", "expired"])

#: Tells how far a quiet watch has come; for resuming only.
PROGRESS = "progress"


@dataclass(frozen=True)
class WatchEvent:
    """One event of a watch.

    Attributes:
        type: ``registered``, ``updated``, ``status``, ``deregistered`` or ``expired``: a change, with the record after it;
            ``current``: a record of the present state, which ``synced`` ends;
            ``synced``: the records since the beginning, or since ``compacted``, are the whole state;
            ``compacted``: what happened after the revision asked for is no longer known. The whole state follows, and
            takes the place of whatever was known.
        record: the instance, for changes and ``current``. A filter also tells of instances that leave its selection, so
            the record of a change need not meet the conditions.
        revision: of the change, or of the state that is ``synced``; ``None`` for ``current``.
    """

    type: str
    record: Optional[WatchedRecord] = None
    revision: Optional[int] = None

    @property
    def name(self) -> Optional[str]:
        """The service, where the event has a record."""
        return None if self.record is None else self.record["name"]

    @property
    def id(self) -> Optional[str]:
        """The instance, where the event has a record."""
        return None if self.record is None else self.record["id"]

    @property
    def is_change(self) -> bool:
        """Whether something happened, rather than that the state is told."""
        return self.type in CHANGES


class EventOrder:
    """Reads the events of one connection. It holds back a state until it is whole, so that none is told by halves or twice."""

    def __init__(self) -> None:
        self._state: List[WatchEvent] = []

    @property
    def is_holding_back(self) -> bool:
        """Whether a state has begun that is not whole yet."""
        return bool(self._state)

    def take(self, sent: SentEvent, told: Optional[int]) -> List[WatchEvent]:
        """What is to be told now: nothing, one event, or a state with its end.

        Args:
            told: the revision through which everything was told; what is not after it was heard before.

        Raises:
            ManifestError: the registry ends the watch, and says why.
            ValueError: this is not what a registry sends.
        """
        if sent.event == "closed":
            raise _farewell(sent)
        data = json.loads(sent.data)
        if not isinstance(data, dict):
            raise ValueError(f"an event that is no object: {sent.event}")
        if sent.event == "compacted":
            self._state = [WatchEvent("compacted", None, _revision(data.get("revision")))]
            return []
        if sent.event == "current":
            self._state.append(WatchEvent("current", _record(data)))
            return []
        if sent.event == "synced":
            whole = self._state + [WatchEvent("synced", None, _revision(sent.id))]
            self._state = []
            return whole
        if sent.event == PROGRESS or sent.event in CHANGES:
            revision = _revision(sent.id)
            if told is not None and revision <= told:
                return []
            return [WatchEvent(sent.event, None if sent.event == PROGRESS else _record(data), revision)]
        return []  # a kind of a later registry


def _revision(value: Any) -> int:
    if isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdigit()):
        return int(value)
    raise ValueError(f"{value!r} is no revision")


def _record(data: Any) -> WatchedRecord:
    if isinstance(data.get("name"), str) and isinstance(data.get("id"), str):
        return cast(WatchedRecord, data)
    raise ValueError("an event without a record")


def _farewell(sent: SentEvent) -> ManifestError:
    try:
        body = json.loads(sent.data)
    except ValueError:
        body = {}
    reason = body if isinstance(body, dict) and isinstance(body.get("error"), str) else {"error": "service_unavailable"}
    return error_from_answer(503, reason, "", None)
