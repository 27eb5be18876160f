"""Time that passes only when somebody sleeps."""

from __future__ import annotations

from typing import List

from chora_manifest_client.retries import Clock


class FakeClock:
    def __init__(self, chance: float = 1.0) -> None:
        self.now = 1_000.0
        self.sleeps: List[float] = []
        self.holds: List[float] = []
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=self._sleep, random=lambda: chance)

    def hold(self, seconds: float) -> None:
        """For a registry that holds a question."""
        self.holds.append(seconds)
        self.now += seconds

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
