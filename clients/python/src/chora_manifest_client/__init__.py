"""Client of Manifest, a strongly consistent service registry.

>>> from chora_manifest_client import ManifestClient
>>> client = ManifestClient("http://localhost:8500")
"""

from ._version import __version__
from .cached_registry import CachedRegistry
from .client import ManifestClient
from .dependencies import WaitProgress
from .dependency_graph import DependencyGraph, RelatedService, ServiceDependencies, ServiceDependents
from .errors import (
    DependenciesNotReadyError,
    DependencyNotFoundError,
    ForbiddenError,
    LeaseMismatchError,
    ManifestError,
    OutcomeUnknownError,
    RateLimitError,
    ServiceGoneError,
    ServiceNotFoundError,
    UnauthorizedError,
    UnavailableError,
    ValidationError,
)
from .heartbeats import HeartbeatManager
from .heartbeats_async import AsyncHeartbeatManager
from .records import HealthReport, ServiceRecord, WatchedRecord
from .registered import AsyncRegisteredInstance, RegisteredInstance
from .watch import Watch
from .watch_async import AsyncWatch
from .watch_events import WatchEvent

__all__ = [
    "AsyncHeartbeatManager",
    "AsyncRegisteredInstance",
    "AsyncWatch",
    "CachedRegistry",
    "DependenciesNotReadyError",
    "DependencyGraph",
    "DependencyNotFoundError",
    "ForbiddenError",
    "HealthReport",
    "HeartbeatManager",
    "LeaseMismatchError",
    "ManifestClient",
    "ManifestError",
    "OutcomeUnknownError",
    "RateLimitError",
    "RegisteredInstance",
    "RelatedService",
    "ServiceDependencies",
    "ServiceDependents",
    "ServiceGoneError",
    "ServiceNotFoundError",
    "ServiceRecord",
    "UnauthorizedError",
    "UnavailableError",
    "ValidationError",
    "WaitProgress",
    "Watch",
    "WatchEvent",
    "WatchedRecord",
    "__version__",
]
