"""Client of Manifest, a strongly consistent service registry.

>>> from chora_manifest_client import ManifestClient
>>> client = ManifestClient("http://localhost:8500")
"""

from ._version import __version__
from .client import ManifestClient
from .errors import (
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
from .records import HealthReport, ServiceRecord

__all__ = [
    "DependencyNotFoundError",
    "ForbiddenError",
    "HealthReport",
    "LeaseMismatchError",
    "ManifestClient",
    "ManifestError",
    "OutcomeUnknownError",
    "RateLimitError",
    "ServiceGoneError",
    "ServiceNotFoundError",
    "ServiceRecord",
    "UnauthorizedError",
    "UnavailableError",
    "ValidationError",
    "__version__",
]
