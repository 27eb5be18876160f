"""How often, how soon and how long a call is tried."""

from __future__ import annotations

import email.utils
import random
import time
from dataclasses import dataclass
from typing import Callable, Mapping, Optional

_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 2.0
_LEAST_ATTEMPT_SECONDS = 0.5
_LONGEST_CONNECT_SECONDS = 2.0


@dataclass(frozen=True)
class Clock:
    """Time and chance, handed in so that tests decide on both."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


class Budget:
    """The time and the rounds that one call has left. A round asks each node at most once."""

    def __init__(self, timeout_seconds: float, rounds: int, clock: Clock) -> None:
        self._clock = clock
        self._deadline = clock.monotonic() + timeout_seconds
        self._rounds = rounds
        self._round = 1

    @property
    def left_seconds(self) -> float:
        """Seconds until the call must end; zero or less when it must end now."""
        return self._deadline - self._clock.monotonic()

    def attempt_seconds(self, is_last_of_round: bool, held_seconds: float = 0.0) -> float:
        """The seconds that the next attempt may take.

        While others can follow, it gets half of what is left, so that a node which hangs does not use up the call.

        Args:
            held_seconds: time that the node may take before it begins to answer.
        """
        left_seconds = max(0.001, self.left_seconds)
        if is_last_of_round and self._round == self._rounds:
            return left_seconds
        return min(left_seconds, held_seconds + max(_LEAST_ATTEMPT_SECONDS, (left_seconds - held_seconds) / 2))

    def next_round(self, at_least_seconds: float) -> bool:
        """Waits before the next round: longer each time, and never in step with other clients.

        Args:
            at_least_seconds: what the registry asked for.

        Returns:
            False, without waiting, where no round is left or the wait would outlast the call.
        """
        if self._round == self._rounds:
            return False
        longest_seconds = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(self._round - 1, 16))
        jittered_seconds = longest_seconds * (0.5 + self._clock.random() / 2)
        delay_seconds = max(at_least_seconds, jittered_seconds)
        if delay_seconds >= self.left_seconds:
            return False
        self._clock.sleep(delay_seconds)
        self._round += 1
        return True


def connect_seconds(attempt_seconds: float) -> float:
    """The part of an attempt that may go into opening a connection: healthy nodes accept within a round trip."""
    return min(_LONGEST_CONNECT_SECONDS, attempt_seconds)


def retry_after_seconds(headers: Mapping[str, str], wall_seconds: float) -> Optional[float]:
    """Reads ``Retry-After``, which is a number of seconds or a date (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, at.timestamp() - wall_seconds)
