"""When the next heartbeat is due, what is counted, and who is told. Without clock, thread or network."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, List, Optional, Union

from .heart import Beat

_logger = logging.getLogger("chora_manifest_client")

#: Waits after the first, second and third failure in a row; then the interval again.
_BACKOFF_SECONDS = (1.0, 2.0, 4.0)

#: From so many failures in a row on, the registry may soon call the instance unhealthy.
_ALARMING_FAILURES = 3

#: What a hook returns is awaited by the asynchronous manager, where it can be, and ignored by the other.
HookResult = Union[None, Awaitable[None]]


@dataclass(frozen=True)
class HeartbeatHooks:
    """Functions of the program, called after the event."""

    on_failure: Optional[Callable[[Exception, int], HookResult]] = None
    on_recovered: Optional[Callable[[int], HookResult]] = None
    on_reregistered: Optional[Callable[[str], HookResult]] = None


class HeartbeatSchedule:
    """Counts heartbeats and decides on the time between them."""

    def __init__(
        self, label: str, instance_id: str, hooks: HeartbeatHooks, chance: Callable[[], float] = random.random
    ) -> None:
        self._label = label
        self._instance_id = instance_id
        self._hooks = hooks
        self._chance = chance
        self.heartbeats = 0
        self.failures = 0
        self.consecutive_failures = 0
        self.reregistrations = 0
        self.last_error: Optional[Exception] = None

    def first_delay_seconds(self, interval_seconds: float) -> float:
        """A registration counts as a heartbeat. Instances that started together spread over half of the interval."""
        return interval_seconds * (0.5 + self._chance() / 2)

    def next_delay_seconds(self, interval_seconds: float) -> float:
        """Seconds to the next heartbeat: up to a tenth less than the interval, never more; after a failure sooner."""
        failures = self.consecutive_failures
        if 0 < failures <= len(_BACKOFF_SECONDS):
            backoff_seconds = min(_BACKOFF_SECONDS[failures - 1], interval_seconds)
            return backoff_seconds * (0.75 + self._chance() / 4)
        return interval_seconds * (0.9 + self._chance() / 10)

    def note(self, beat: Beat) -> List[Callable[[], Any]]:
        """Counts and logs a heartbeat. Returns the hooks to call, ready to be called."""
        calls: List[Callable[[], Any]] = []
        on_failure, on_recovered, on_reregistered = (
            self._hooks.on_failure,
            self._hooks.on_recovered,
            self._hooks.on_reregistered,
        )
        error = beat.error
        if error is not None:
            self.failures += 1
            self.consecutive_failures += 1
            self.last_error = error
            count = self.consecutive_failures
            level = logging.ERROR if count >= _ALARMING_FAILURES or beat.is_last else logging.WARNING
            consequence = "; no more will be sent" if beat.is_last else ""
            _logger.log(level, "heartbeat of %s failed (%d in a row): %s%s", self._label, count, error, consequence)
            if on_failure is not None:
                calls.append(_ready(on_failure, error, count))
            return calls
        if beat.is_last:
            return calls
        self.heartbeats += 1
        if beat.is_reregistered:
            self.reregistrations += 1
            _logger.warning("the registry did not know %s any more; it is registered again", self._label)
            if on_reregistered is not None:
                calls.append(_ready(on_reregistered, self._instance_id))
        if self.consecutive_failures > 0:
            failed, self.consecutive_failures = self.consecutive_failures, 0
            _logger.info("heartbeat of %s succeeded again after %d failures", self._label, failed)
            if on_recovered is not None:
                calls.append(_ready(on_recovered, failed))
        return calls

    def hook_failed(self, problem: BaseException) -> None:
        """A hook raised: that is the program's mistake, and no reason to lose the lease."""
        _logger.error("a heartbeat hook of %s failed", self._label, exc_info=problem)


def _ready(hook: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: hook(*arguments)
