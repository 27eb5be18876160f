"""Finding all services that a program needs, and waiting until they are there."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Awaitable, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from . import arguments
from .errors import DependenciesNotReadyError, RateLimitError, UnavailableError, ValidationError
from .records import ServiceRecord
from .retries import Clock

_logger = logging.getLogger("chora_manifest_client")

#: What is said of a service that is not listed, and of one that the registry could not be asked about.
MISSING = "missing"
UNANSWERED = "unanswered"

_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 2.0

#: A record; ``None`` where the service is not listed; the error where the registry could not be asked.
Found = Union[ServiceRecord, UnavailableError, RateLimitError, None]


@dataclass(frozen=True)
class WaitProgress:
    """How far a wait for services has come.

    Attributes:
        ready: services of which an instance is ``up``.
        waiting: the others, each with why: ``missing``, ``unhealthy``, ``unknown``, or ``unanswered`` where the registry
            could not be asked.
        elapsed_seconds: time since the wait began.
    """

    ready: List[str]
    waiting: Mapping[str, str]
    elapsed_seconds: float


def checked_names(names: Iterable[str]) -> List[str]:
    """The names in their order, each once. Raises ``ValidationError`` naming the one that cannot be a service."""
    if isinstance(names, str):
        message = f"names must be a list of service names, such as [{names!r}]; got a string."
        raise ValidationError("validation_error", message, field="names", value=names)
    return list(dict.fromkeys(arguments.service_name(name, f"names[{n}]") for n, name in enumerate(names)))


class Resolution:
    """What one round of lookups found."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        self.records: Dict[str, ServiceRecord] = {}
        self.waiting: Dict[str, str] = {}
        self.problem: Optional[Exception] = None
        for name, each in found.items():
            if each is None:
                self.waiting[name] = MISSING
            elif isinstance(each, Exception):
                self.waiting[name] = UNANSWERED
                self.problem = each
            elif each["status"] != "up":
                self.waiting[name] = each["status"]
            else:
                self.records[name] = each

    def not_ready(self, waited_seconds: Optional[float] = None) -> DependenciesNotReadyError:
        """One error about everything that is not ready."""
        after = "" if waited_seconds is None else f" after {waited_seconds:.1f} s"
        reasons = "; ".join(f"{name} {_said(status)}" for name, status in self.waiting.items())
        because = f" ({self.problem})" if self.problem is not None else ""
        error = DependenciesNotReadyError(
            "dependencies_not_ready",
            f"Not ready{after}: {reasons}{because}. Start these services, or check the names.",
            field="names",
            value=list(self.waiting),
            details={"waiting": dict(self.waiting), "ready": list(self.records)},
            retryable=True,
        )
        error.__cause__ = self.problem
        return error


def _said(status: str) -> str:
    return {MISSING: "is not listed", UNANSWERED: "could not be asked for"}.get(status, f"is {status}")


class Wait:
    """The course of one wait: what is left of it, and when the next look is due."""

    def __init__(
        self, timeout_seconds: Optional[float], on_progress: Optional[Callable[[WaitProgress], None]], clock: Clock
    ) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._timeout_seconds = timeout_seconds
        self._on_progress = on_progress
        self._delay_seconds = _FIRST_DELAY_SECONDS
        self._last_waiting: Optional[Mapping[str, str]] = None

    @property
    def elapsed_seconds(self) -> float:
        return self._clock.monotonic() - self._began

    def call_seconds(self, longest_seconds: float) -> float:
        """The limit of the next lookup."""
        if self._timeout_seconds is None:
            return longest_seconds
        return max(0.05, min(longest_seconds, self._timeout_seconds - self.elapsed_seconds))

    def next_delay_seconds(self, resolution: Resolution) -> float:
        """Tells of the progress and returns the seconds to wait before looking again.

        Raises:
            DependenciesNotReadyError: the time is over.
        """
        elapsed_seconds = self.elapsed_seconds
        waiting = resolution.waiting
        level = logging.DEBUG if waiting == self._last_waiting else logging.INFO
        self._last_waiting = waiting
        reasons = ", ".join(f"{name} ({status})" for name, status in waiting.items())
        _logger.log(level, "waiting for %s since %.1f s", reasons, elapsed_seconds)
        if self._on_progress is not None:
            self._on_progress(WaitProgress(list(resolution.records), dict(waiting), elapsed_seconds))
        delay_seconds = self._delay_seconds * (0.5 + self._clock.random() / 2)
        self._delay_seconds = min(self._delay_seconds * 1.5, _LONGEST_DELAY_SECONDS)
        if self._timeout_seconds is None:
            return delay_seconds
        left_seconds = self._timeout_seconds - self.elapsed_seconds
        if left_seconds <= 0:
            raise resolution.not_ready(elapsed_seconds)
        return min(delay_seconds, left_seconds)


def look_up_each(
    look_up: Callable[[str, Optional[float]], Found], names: List[str], seconds: Callable[[], Optional[float]]
) -> Dict[str, Found]:
    """Looks up one after another. Where the registry cannot be asked about one, it is not asked about the others."""
    found: Dict[str, Found] = {}
    problem: Found = None
    for name in names:
        found[name] = problem or look_up(name, seconds())
        if isinstance(found[name], Exception):
            problem = found[name]
    return found


def complete(found: Mapping[str, Found]) -> Dict[str, ServiceRecord]:
    """All records, or one error about all that are missing."""
    resolution = Resolution(found)
    if resolution.problem is not None:
        raise resolution.problem
    if resolution.waiting:
        raise resolution.not_ready()
    return resolution.records


def wait_for(
    look_up: Callable[[str, Optional[float]], Found],
    names: List[str],
    wait: Wait,
    longest_seconds: float,
    clock: Clock,
) -> Dict[str, ServiceRecord]:
    """Looks again and again until an instance of each service is ``up`` in one and the same round."""
    while True:
        resolution = Resolution(look_up_each(look_up, names, lambda: wait.call_seconds(longest_seconds)))
        if not resolution.waiting:
            return resolution.records
        clock.sleep(wait.next_delay_seconds(resolution))


async def wait_for_async(
    look_up: Callable[[str, float], Awaitable[Found]], names: List[str], wait: Wait, longest_seconds: float
) -> Dict[str, ServiceRecord]:
    """The same, with all lookups of a round at once."""
    while True:
        seconds = wait.call_seconds(longest_seconds)
        found: Tuple[Found, ...] = tuple(await asyncio.gather(*(look_up(name, seconds) for name in names)))
        resolution = Resolution(dict(zip(names, found)))
        if not resolution.waiting:
            return resolution.records
        await asyncio.sleep(wait.next_delay_seconds(resolution))
