"""When heartbeats are due and what is counted, without time passing."""

import unittest
from typing import Any, List, Tuple

import support  # noqa: F401

from chora_manifest_client import UnavailableError
from chora_manifest_client.heart import Beat
from chora_manifest_client.heartbeat_schedule import HeartbeatHooks, HeartbeatSchedule

FAILED = Beat(UnavailableError("service_unavailable", "nobody there"))
GOOD = Beat()


class Schedule(unittest.TestCase):
    def schedule(self, chance: float = 1.0, **hooks: Any) -> HeartbeatSchedule:
        return HeartbeatSchedule("s/s-1", "s-1", HeartbeatHooks(**hooks), lambda: chance)

    def test_waits_up_to_a_tenth_less_than_the_interval_and_never_longer(self) -> None:
        waits = [self.schedule(chance).next_delay_seconds(10.0) for chance in (0.0, 0.5, 1.0)]
        self.assertEqual(waits, [9.0, 9.5, 10.0])

    def test_instances_that_start_together_spread_over_half_of_the_interval(self) -> None:
        self.assertEqual([self.schedule(chance).first_delay_seconds(10.0) for chance in (0.0, 1.0)], [5.0, 10.0])

    def test_tries_again_after_1_2_and_4_seconds_and_then_at_the_interval(self) -> None:
        schedule, waits = self.schedule(), []
        for _ in range(5):
            with self.assertLogs("chora_manifest_client"):
                schedule.note(FAILED)
            waits.append(schedule.next_delay_seconds(10.0))
        self.assertEqual(waits, [1.0, 2.0, 4.0, 10.0, 10.0])
        schedule.note(GOOD)
        self.assertEqual(schedule.next_delay_seconds(10.0), 10.0)

    def test_never_waits_longer_than_a_short_interval(self) -> None:
        schedule = self.schedule()
        for _ in range(4):
            schedule.note(FAILED)
            self.assertEqual(schedule.next_delay_seconds(1.5), min(1.5, schedule.consecutive_failures))

    def test_backing_off_is_jittered_too(self) -> None:
        schedule = self.schedule(chance=0.0)
        schedule.note(FAILED)
        self.assertEqual(schedule.next_delay_seconds(10.0), 0.75)

    def test_counts_and_tells(self) -> None:
        told: List[Tuple[Any, ...]] = []
        schedule = self.schedule(
            on_failure=lambda error, count: told.append(("failed", error, count)),
            on_recovered=lambda count: told.append(("recovered", count)),
            on_reregistered=lambda instance_id: told.append(("again", instance_id)),
        )
        for beat in [GOOD, FAILED, FAILED, Beat(is_reregistered=True), GOOD, Beat(is_last=True)]:
            for call in schedule.note(beat):
                call()
        self.assertEqual(
            told, [("failed", FAILED.error, 1), ("failed", FAILED.error, 2), ("again", "s-1"), ("recovered", 2)]
        )
        self.assertEqual(
            (schedule.heartbeats, schedule.failures, schedule.consecutive_failures, schedule.reregistrations),
            (3, 2, 0, 1),
        )
        self.assertIs(schedule.last_error, FAILED.error)

    def test_logs_a_failure_as_a_warning_and_the_third_in_a_row_as_an_error(self) -> None:
        schedule = self.schedule()
        with self.assertLogs("chora_manifest_client") as logged:
            for _ in range(3):
                schedule.note(FAILED)
            schedule.note(GOOD)
        self.assertEqual([each.levelname for each in logged.records], ["WARNING", "WARNING", "ERROR", "INFO"])
        self.assertIn("s/s-1 failed (3 in a row)", logged.output[2])


if __name__ == "__main__":
    unittest.main()
