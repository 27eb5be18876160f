"""The shapes of what the registry answers. They are plain dictionaries at run time."""

from __future__ import annotations

from typing import Any, Dict, List, TypedDict


class _ServiceRecordBase(TypedDict):
    name: str
    id: str
    version: str
    interfaces: Dict[str, str]
    metadata: Dict[str, Any]
    status: str
    last_heartbeat: str
    registered_at: str
    revision: int


class ServiceRecord(_ServiceRecordBase, total=False):
    """One instance of a service. ``status`` is ``up``, ``unhealthy`` or ``unknown``; times are RFC 3339 in UTC."""

    lease_id: int
    ttl: Dict[str, float]


class HealthReport(TypedDict, total=False):
    """How one node and its cluster are. ``status`` is ``healthy`` or ``unhealthy``, the latter with a ``reason``."""

    status: str
    reason: str
    version: str
    uptime_seconds: float
    services_registered: int
    services_healthy: int
    services_unhealthy: int
    services_unknown: int
    storage_backend: str
    storage_healthy: bool
    node: str
    leader: str
    term: int


class WatchedRecord(ServiceRecord, total=False):
    """A record in an event of a watch. ``status`` is ``down`` where the instance is no longer listed."""

    #: Which parts differ from before: ``status``, ``lease_id``, ``version``, ``interfaces``, ``metadata``, ``ttl``.
    changed: List[str]
