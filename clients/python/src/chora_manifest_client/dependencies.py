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

#: The least time between two looks, longer each time while they show the same: where the registry cannot be asked, does not
#: hold the question, or tells of many changes that make nothing ready.
_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 2.0

#: The registry is asked to wake us when something changes; but all are looked at again after so long, as the node that
#: we wait at may hang, and so that the progress of all is told.
_HOLD_SECONDS = 10.0
_LEAST_HOLD_SECONDS = 0.05


@dataclass(frozen=True)
class Look:
    """What the registry said of one service.

    Attributes:
        record: the instance to use; ``None`` where none is listed.
        revision: of the registry as it was looked at, where it said.
    """

    record: Optional[ServiceRecord]
    revision: Optional[int]


#: What was seen, or the error where the registry could not be asked.
Found = Union[Look, UnavailableError, RateLimitError]


@dataclass(frozen=True)
class Awaited:
    """A change that a wait goes on with.

    Attributes:
        name: the service.
        after: the revision after which something has to happen to it.
        seconds: how long to wait for that.
        limit_seconds: when to give up a node that does not answer even then.
    """

    name: str
    after: int
    seconds: float
    limit_seconds: float


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
        #: A service that is waited for, and the revision at which it was looked at: all of them have to come, so that
        #: nothing is lost by waiting for one of them first.
        self.first: Optional[Tuple[str, int]] = None
        for name, each in found.items():
            if isinstance(each, Exception):
                self.waiting[name] = UNANSWERED
                self.problem = each
                continue
            if each.record is not None and each.record["status"] == "up":
                self.records[name] = each.record
                continue
            self.waiting[name] = MISSING if each.record is None else each.record["status"]
            if self.first is None and each.revision is not None:
                self.first = (name, each.revision)

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
        self._told_at = self._began

    @property
    def elapsed_seconds(self) -> float:
        return self._clock.monotonic() - self._began

    def call_seconds(self, longest_seconds: float) -> float:
        """The limit of the next lookup."""
        if self._timeout_seconds is None:
            return longest_seconds
        return max(0.05, min(longest_seconds, self._timeout_seconds - self.elapsed_seconds))

    def tell(self, resolution: Resolution) -> None:
        """Tells of the progress.

        Raises:
            DependenciesNotReadyError: the time is over.
        """
        elapsed_seconds = self.elapsed_seconds
        waiting = resolution.waiting
        is_new = waiting != self._last_waiting
        if is_new:
            self._delay_seconds = _FIRST_DELAY_SECONDS
        self._last_waiting = waiting
        reasons = ", ".join(f"{name} ({status})" for name, status in waiting.items())
        _logger.log(logging.INFO if is_new else logging.DEBUG, "waiting for %s since %.1f s", reasons, elapsed_seconds)
        if self._on_progress is not None:
            self._on_progress(WaitProgress(list(resolution.records), dict(waiting), elapsed_seconds))
        self._told_at = self._clock.monotonic()
        if self._left_seconds() <= 0:
            raise resolution.not_ready(elapsed_seconds)

    def awaited(self, resolution: Resolution, call_seconds: float) -> Optional[Awaited]:
        """The change to wait for; ``None`` where the registry cannot be asked to tell of one.

        Args:
            call_seconds: limit of a call that nothing holds up.
        """
        left_seconds = self._left_seconds()
        # Some time is kept back, to look elsewhere should the node that holds the question hang.
        seconds = min(_HOLD_SECONDS, left_seconds * 3 / 4)
        if resolution.problem is not None or resolution.first is None or seconds < _LEAST_HOLD_SECONDS:
            return None
        name, revision = resolution.first
        return Awaited(name, revision, seconds, min(seconds + call_seconds, left_seconds))

    def delay_seconds(self) -> float:
        """The seconds to let pass before the next look; none where a change was waited for long enough."""
        passed_seconds = self._clock.monotonic() - self._told_at
        if passed_seconds >= _LONGEST_DELAY_SECONDS:
            self._delay_seconds = _FIRST_DELAY_SECONDS
            return 0.0
        delay_seconds = self._delay_seconds * (0.5 + self._clock.random() / 2)
        self._delay_seconds = min(self._delay_seconds * 1.5, _LONGEST_DELAY_SECONDS)
        return max(0.0, min(delay_seconds - passed_seconds, self._left_seconds()))

    def _left_seconds(self) -> float:
        return float("inf") if self._timeout_seconds is None else self._timeout_seconds - self.elapsed_seconds


def look_up_each(
    look_up: Callable[[str, Optional[float]], Found], names: List[str], seconds: Callable[[], Optional[float]]
) -> Dict[str, Found]:
    """Looks up one after another. Where the registry cannot be asked about one, it is not asked about the others."""
    found: Dict[str, Found] = {}
    problem: Optional[Found] = None
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
    await_change: Callable[[Awaited], None],
    longest_seconds: float,
    clock: Clock,
) -> Dict[str, ServiceRecord]:
    """Looks, and waits for a change, until an instance of each service is ``up`` in one and the same round.

    Args:
        await_change: waits for the change, or for as long as that can take; sooner where the registry cannot be asked.
    """
    while True:
        resolution = Resolution(look_up_each(look_up, names, lambda: wait.call_seconds(longest_seconds)))
        if not resolution.waiting:
            return resolution.records
        wait.tell(resolution)
        awaited = wait.awaited(resolution, longest_seconds)
        if awaited is not None:
            await_change(awaited)
        clock.sleep(wait.delay_seconds())


async def wait_for_async(
    look_up: Callable[[str, float], Awaitable[Found]],
    names: List[str],
    wait: Wait,
    await_change: Callable[[Awaited], Awaitable[None]],
    longest_seconds: float,
) -> Dict[str, ServiceRecord]:
    """The same, with all lookups of a round at once."""
    while True:
        seconds = wait.call_seconds(longest_seconds)
        found: Tuple[Found, ...] = tuple(await asyncio.gather(*(look_up(name, seconds) for name in names)))
        resolution = Resolution(dict(zip(names, found)))
        if not resolution.waiting:
            return resolution.records
        wait.tell(resolution)
        awaited = wait.awaited(resolution, longest_seconds)
        if awaited is not None:
            await await_change(awaited)
        await asyncio.sleep(wait.delay_seconds())
