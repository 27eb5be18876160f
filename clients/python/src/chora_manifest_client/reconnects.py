"""When and where a watch that was broken off goes on."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from .endpoints import SET_ASIDE_SECONDS, Endpoint, EndpointOrder
from .retries import Clock

#: The first of several attempts follows within this; nodes that stop have many watchers, who must not come all at once.
_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 5.0

#: A stream that lasted for so long was a good one: what follows is a new failure, not one more.
_GOOD_AFTER_SECONDS = 5.0


class Reconnects:
    """Counts the failures in a row. Watches begin at different nodes, so that these share the watchers."""

    def __init__(self, endpoints: Tuple[Endpoint, ...], clock: Clock, patience_seconds: Optional[float]) -> None:
        self._clock = clock
        self._order = EndpointOrder(endpoints, clock.monotonic)
        self._nodes = len(endpoints)
        self._patience_seconds = patience_seconds
        self._quiet_until: Dict[Endpoint, float] = {}
        #: Attempts that failed in a row.
        self.failures = 0
        self._good_at = clock.monotonic()
        self._begun_at: Optional[float] = None

    def next_endpoint(self) -> Endpoint:
        return self._order.in_order()[0]

    def begun(self, endpoint: Endpoint) -> None:
        """A node began to answer."""
        self._begun_at = self._clock.monotonic()
        self._order.succeeded(endpoint)

    def heard(self) -> None:
        """A stream goes on."""
        self._good_at = self._clock.monotonic()

    def failed(self, endpoint: Endpoint, at_least_seconds: Optional[float]) -> Optional[float]:
        """A node could not be reached, or its stream broke off.

        Args:
            at_least_seconds: how long this node asked to be left alone.

        Returns:
            Seconds to wait before the next attempt; ``None`` where the patience is at its end and each node was tried.
        """
        now = self._clock.monotonic()
        if self._begun_at is not None and now - self._begun_at >= _GOOD_AFTER_SECONDS:
            self.failures = 0
        self._begun_at = None
        self.failures += 1
        self._quiet_until[endpoint] = now + (at_least_seconds or 0.0)
        self._order.failed(endpoint, max(SET_ASIDE_SECONDS, at_least_seconds or 0.0))
        if self._patience_seconds is not None and now - self._good_at >= self._patience_seconds:
            if self.failures >= self._nodes:
                return None
        longest_seconds = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(self.failures - 1, 16))
        asked_seconds = self._quiet_until.get(self.next_endpoint(), now) - now
        return max(longest_seconds * self._clock.random(), asked_seconds)
