"""Every way in which a call can fail, one class for each thing that a caller might want to tell apart."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Type, cast


class ManifestError(Exception):
    """A call that the registry refused, or that no node could answer.

    Attributes:
        error_code: stable code for programs, such as ``validation_error``.
        message: what went wrong and how to put it right, for people.
        field: path of the field that is wrong, such as ``interfaces.REST``.
        value: the value that was refused.
        details: further facts, such as ``missing_dependencies`` or ``deregistered_at``.
        request_id: names this call in the registry's logs.
        retryable: whether the very same call may succeed later, and is safe to repeat.
        http_status: status of the answer; ``None`` where there was no answer.
        retry_after_seconds: how long the registry asked to be left alone.
    """

    def __init__(
        self,
        error_code: str,
        message: str,
        *,
        field: Optional[str] = None,
        value: Any = None,
        details: Optional[Mapping[str, Any]] = None,
        request_id: Optional[str] = None,
        retryable: bool = False,
        http_status: Optional[int] = None,
        retry_after_seconds: Optional[float] = None,
    ) -> None:
        super().__init__(error_code, message)
        self.error_code = error_code
        self.message = message
        self.field = field
        self.value = value
        self.details: Mapping[str, Any] = dict(details or {})
        self.request_id = request_id
        self.retryable = retryable
        self.http_status = http_status
        self.retry_after_seconds = retry_after_seconds

    def retold(
        self, message: str, error_code: Optional[str] = None, kind: "Optional[Type[ManifestError]]" = None
    ) -> "ManifestError":
        """The same facts in other words, and as another kind of error where one is named."""
        return (kind or type(self))(
            error_code or self.error_code,
            message,
            field=self.field,
            value=self.value,
            details=self.details,
            request_id=self.request_id,
            retryable=self.retryable,
            http_status=self.http_status,
            retry_after_seconds=self.retry_after_seconds,
        )

    def __str__(self) -> str:
        return f"{self.error_code}: {self.message}"


class ValidationError(ManifestError):
    """An argument is wrong; ``field`` names it."""


class UnauthorizedError(ManifestError):
    """The registry wants a token, or another one."""


class ForbiddenError(ManifestError):
    """The token does not allow this."""


class ServiceNotFoundError(ManifestError):
    """No such service or instance is listed."""


class ServiceGoneError(ServiceNotFoundError):
    """The instance was deregistered or its lease ran out: register it again."""


class LeaseMismatchError(ManifestError):
    """Another registration of the same instance holds the lease."""


class DependencyNotFoundError(ManifestError):
    """The registry checks dependencies, and some are not listed: see ``details["missing_dependencies"]``."""


class DependenciesNotReadyError(ManifestError):
    """Services that a program needs are not there, or not healthy. ``resolve`` and ``wait_for`` raise it."""

    @property
    def waiting(self) -> Mapping[str, str]:
        """Each service that is not ready, with why: ``missing``, ``unhealthy``, ``unknown`` or ``unanswered``."""
        return cast(Mapping[str, str], self.details.get("waiting", {}))

    @property
    def missing(self) -> List[str]:
        """Those that are not listed."""
        return [name for name, status in self.waiting.items() if status == "missing"]

    @property
    def unhealthy(self) -> List[str]:
        """Those that are listed without an instance that is ``up``."""
        return [name for name, status in self.waiting.items() if status not in ("missing", "unanswered")]


class RateLimitError(ManifestError):
    """Too many requests, even after waiting as long as asked."""


class UnavailableError(ManifestError):
    """No node could answer in time: unreachable, without a leader, or overloaded."""


class OutcomeUnknownError(UnavailableError):
    """A write went out and no answer came back: it may or may not have happened. Repeating the call is safe."""


_CLASS_BY_CODE = {
    "validation_error": ValidationError,
    "invalid_parameter": ValidationError,
    "invalid_version": ValidationError,
    "payload_too_large": ValidationError,
    "unsupported_media_type": ValidationError,
    "unauthorized": UnauthorizedError,
    "forbidden": ForbiddenError,
    "service_not_found": ServiceNotFoundError,
    "service_gone": ServiceGoneError,
    "lease_mismatch": LeaseMismatchError,
    "dependency_not_found": DependencyNotFoundError,
    "rate_limit_exceeded": RateLimitError,
    "service_unavailable": UnavailableError,
    "outcome_unknown": OutcomeUnknownError,
}

# For answers that are not the registry's own, such as those of a proxy in between.
_CODE_BY_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    429: "rate_limit_exceeded",
    502: "service_unavailable",
    503: "service_unavailable",
    504: "outcome_unknown",
}

_OWN_FIELDS = frozenset(["error", "message", "field", "value", "details", "request_id", "retryable"])


def error_from_answer(
    status: int, body: Any, request_id: str, retry_after_seconds: Optional[float], asked: str = "the URL"
) -> ManifestError:
    """Builds the error that an answer with a status of 300 and above stands for. ``asked`` says where it came from."""
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        code = str(body["error"])
        message = str(body.get("message") or f"The registry answered {status} without a reason.")
    else:
        body = {"details": body} if isinstance(body, dict) else {}
        code = _CODE_BY_STATUS.get(status, "unexpected_answer")
        message = (
            f"HTTP {status} from something at {asked} that is not the registry; "
            "check manifest_url and any proxy on the way."
        )
    details = body.get("details")
    more = {key: value for key, value in body.items() if key not in _OWN_FIELDS}
    retryable = body.get("retryable")
    return _CLASS_BY_CODE.get(code, ManifestError)(
        code,
        message,
        field=body.get("field"),
        value=body.get("value"),
        details={**(details if isinstance(details, dict) else {}), **more},
        request_id=str(body.get("request_id") or request_id),
        retryable=retryable if isinstance(retryable, bool) else status in (429, 502, 503, 504),
        http_status=status,
        retry_after_seconds=retry_after_seconds,
    )
