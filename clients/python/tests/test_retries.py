import unittest

import support  # noqa: F401
from support.fake_clock import FakeClock

from chora_manifest_client.retries import Budget, connect_seconds, retry_after_seconds


class BudgetOfACall(unittest.TestCase):
    def test_waits_longer_each_round_up_to_a_limit(self) -> None:
        time = FakeClock(chance=1.0)
        budget = Budget(1_000, 8, time.clock)
        while budget.next_round(0):
            pass
        self.assertEqual(time.sleeps, [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0])

    def test_jitter_takes_away_up_to_half_of_a_wait(self) -> None:
        time = FakeClock(chance=0.0)
        budget = Budget(1_000, 3, time.clock)
        while budget.next_round(0):
            pass
        self.assertEqual(time.sleeps, [0.1, 0.2])

    def test_waits_at_least_as_long_as_the_registry_asks(self) -> None:
        time = FakeClock()
        self.assertTrue(Budget(10, 2, time.clock).next_round(3.0))
        self.assertEqual(time.sleeps, [3.0])

    def test_does_not_begin_a_wait_that_would_outlast_the_call(self) -> None:
        time = FakeClock()
        self.assertFalse(Budget(2.0, 5, time.clock).next_round(2.0))
        self.assertEqual(time.sleeps, [])

    def test_a_node_that_hangs_gets_half_of_what_is_left_and_the_last_one_all_of_it(self) -> None:
        budget = Budget(8.0, 1, FakeClock().clock)
        self.assertEqual(budget.attempt_seconds(is_last_of_round=False), 4.0)
        self.assertEqual(budget.attempt_seconds(is_last_of_round=True), 8.0)
        self.assertEqual(Budget(8.0, 2, FakeClock().clock).attempt_seconds(is_last_of_round=True), 4.0)
        self.assertEqual(Budget(0.5, 2, FakeClock().clock).attempt_seconds(is_last_of_round=True), 0.5)
        self.assertEqual(connect_seconds(4.0), 2.0)
        self.assertEqual(connect_seconds(0.5), 0.5)

    def test_a_node_that_may_keep_its_answer_back_gets_that_time_in_addition(self) -> None:
        budget = Budget(7.0, 1, FakeClock().clock)
        self.assertEqual(budget.attempt_seconds(is_last_of_round=False, held_seconds=6.0), 6.5)
        self.assertEqual(budget.attempt_seconds(is_last_of_round=False, held_seconds=1.0), 4.0)


class RetryAfter(unittest.TestCase):
    def test_reads_seconds_and_dates_and_ignores_the_rest(self) -> None:
        wall = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT
        cases = {
            "3": 3.0,
            "0": 0.0,
            "Sun, 06 Nov 1994 08:49:47 GMT": 10.0,
            "Sun, 06 Nov 1994 08:49:00 GMT": 0.0,
            "soon": None,
            "-1": None,
            "²": None,
            "": None,
        }
        for value, expected in cases.items():
            with self.subTest(value):
                self.assertEqual(retry_after_seconds({"retry-after": value}, wall), expected)
        self.assertIsNone(retry_after_seconds({}, wall))


if __name__ == "__main__":
    unittest.main()
