"""Finding the services that a program needs, and waiting for them."""

import asyncio
import pickle
import threading
import time
import unittest
from typing import Any, Callable, List

import support  # noqa: F401
from support.fake_clock import FakeClock
from support.fake_registry import FakeRegistry
from support.scripted_server import HangUp, Received, Respond, ScriptedServer, StaySilent, refuse, unused_url

from chora_manifest_client import (
    DependenciesNotReadyError,
    ManifestClient,
    UnauthorizedError,
    UnavailableError,
    ValidationError,
    WaitProgress,
)
from chora_manifest_client.retries import Clock

INDEX = {"X-Manifest-Index": "7"}
UNAVAILABLE = refuse(503, "service_unavailable", retryable=True)


class Base(unittest.TestCase):
    def setUp(self) -> None:
        self.registry = FakeRegistry()
        self.addCleanup(self.registry.stop)
        self.client = ManifestClient(self.registry.url, retries=0)
        self.addCleanup(self.client.close)
        for name, status in [("a", "up"), ("b", "up"), ("ill", "unhealthy"), ("new", "unknown")]:
            self.registry.list_instance(name, f"{name}-1", status)

    def both(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Makes the call and its twin, which must come to the same, and returns what they return or raise."""
        outcomes: List[Any] = []
        calls: List[Callable[[], Any]] = [
            lambda: getattr(self.client, name)(*arguments, **named),
            lambda: asyncio.run(getattr(self.client, f"{name}_async")(*arguments, **named)),
        ]
        for call in calls:
            try:
                outcomes.append(call())
            except Exception as error:
                outcomes.append(error)
        one, two = outcomes
        if isinstance(one, Exception):
            self.assertEqual((type(one), str(one)), (type(two), str(two)))
        else:
            self.assertEqual(one, two)
        return one


class Resolve(Base):
    def test_finds_a_record_of_each(self) -> None:
        found = self.both("resolve", ["b", "a", "b"])
        self.assertEqual({name: each["id"] for name, each in found.items()}, {"b": "b-1", "a": "a-1"})
        self.assertEqual(list(found), ["b", "a"])
        self.assertEqual(self.both("resolve", []), {})

    def test_one_error_names_all_that_are_missing_or_not_healthy(self) -> None:
        error = self.both("resolve", ["a", "gone", "ill", "new", "lost"])
        self.assertIsInstance(error, DependenciesNotReadyError)
        self.assertEqual(error.error_code, "dependencies_not_ready")
        self.assertEqual((error.missing, error.unhealthy), (["gone", "lost"], ["ill", "new"]))
        self.assertEqual(error.waiting["new"], "unknown")
        for part in ["gone is not listed", "ill is unhealthy", "new is unknown", "lost is not listed"]:
            self.assertIn(part, error.message)
        copy = pickle.loads(pickle.dumps(error))
        self.assertEqual((copy.missing, copy.unhealthy), (error.missing, error.unhealthy))

    def test_an_instance_that_is_up_is_enough(self) -> None:
        self.registry.list_instance("ill", "ill-2")
        self.assertEqual(self.both("resolve", ["ill"])["ill"]["id"], "ill-2")

    def test_a_registry_that_cannot_be_asked_says_nothing_of_the_services(self) -> None:
        self.registry.instead = lambda _: UNAVAILABLE
        self.assertIsInstance(self.both("resolve", ["a", "b", "ill"]), UnavailableError)

    def test_a_registry_that_cannot_be_asked_about_one_is_not_asked_about_the_others(self) -> None:
        self.registry.instead = lambda _: UNAVAILABLE
        with self.assertRaises(UnavailableError):
            self.client.resolve(["a", "b", "ill"])
        self.assertEqual(self.registry.count("GET"), 1)

    def test_wrong_names_are_refused_by_position(self) -> None:
        cases: List[Any] = [("a", "names"), (["a", "B"], "names[1]"), ([None], "names[0]")]
        for names, field in cases:
            with self.subTest(names):
                self.assertEqual(self.both("resolve", names).field, field)
        self.assertEqual(self.registry.log, [])


class Wait(Base):
    def setUp(self) -> None:
        super().setUp()
        self.time = FakeClock()
        self.client._clock = self.time.clock
        self.registry.on_hold = self.time.hold

    def test_returns_at_once_what_is_ready(self) -> None:
        found = self.both("wait_for", ["a", "b"])
        self.assertEqual((sorted(found), self.time.sleeps, self.time.holds), (["a", "b"], [], []))

    def test_waits_until_all_are_up_and_tells_of_its_progress(self) -> None:
        told: List[WaitProgress] = []

        def progress(now: WaitProgress) -> None:
            told.append(now)
            if len(told) == 2:
                self.registry.list_instance("late", "late-1")
            if len(told) == 3:
                self.registry.list_instance("ill", "ill-1")

        with self.assertLogs("chora_manifest_client", "DEBUG") as logged:
            found = self.client.wait_for(["a", "late", "ill"], on_progress=progress)
        self.assertEqual(sorted(found), ["a", "ill", "late"])
        self.assertEqual(
            [dict(each.waiting) for each in told],
            [{"late": "missing", "ill": "unhealthy"}] * 2 + [{"ill": "unhealthy"}],
        )
        self.assertEqual(told[0].ready, ["a"])
        self.assertGreater(told[2].elapsed_seconds, told[1].elapsed_seconds)
        waiting = [each for each in logged.records if each.getMessage().startswith("waiting for")]
        self.assertEqual([each.levelname for each in waiting], ["INFO", "DEBUG", "INFO"])

    def test_a_wait_in_vain_costs_few_requests(self) -> None:
        with self.assertRaises(DependenciesNotReadyError):
            self.client.wait_for(["a", "gone", "lost"], timeout=30)
        self.assertEqual([round(each) for each in self.time.holds], [9, 9, 8, 2, 1, 0])
        self.assertEqual(self.registry.count("GET"), 7 * 3 + 6, "seven looks at three services, and what was held")
        self.assertAlmostEqual(self.time.now, 1_030, places=1)

    def test_without_a_limit_it_waits_for_ever_in_few_requests(self) -> None:
        def enough(now: WaitProgress) -> None:
            if now.elapsed_seconds > 3_600:
                raise KeyError("enough")

        with self.assertRaises(KeyError):
            self.client.wait_for(["gone"], timeout=None, on_progress=enough)
        self.assertLess(self.registry.count("GET"), 2 * 3_600 / 9)

    def test_where_no_question_is_held_it_looks_less_and_less_often(self) -> None:
        def at_once(_: float) -> None:
            pass

        def too_many(request: Received) -> Any:
            return refuse(429, "rate_limit_exceeded", retryable=True) if "index=" in request.path else None

        def hang_up(request: Received) -> Any:
            return HangUp() if "index=" in request.path else None

        for hold, instead in ((at_once, None), (None, too_many), (None, hang_up)):
            with self.subTest(hold or instead):
                self.registry.on_hold, self.registry.instead = hold, instead
                self.time.sleeps.clear()
                with self.assertRaises(DependenciesNotReadyError):
                    self.client.wait_for(["gone"], timeout=20)
                self.assertEqual([round(each, 2) for each in self.time.sleeps[:4]], [0.2, 0.3, 0.45, 0.68])
                self.assertLessEqual(max(self.time.sleeps), 2.0)

    def test_a_registry_wakes_whoever_waits_for_a_service_that_nobody_was_yet(self) -> None:
        self.registry.on_hold = None
        self.client._clock = Clock()
        calls: List[Callable[[], Any]] = [
            lambda: self.client.wait_for(["a", "late"], timeout=60),
            lambda: asyncio.run(self.client.wait_for_async(["a", "late"], timeout=60)),
        ]
        for call in calls:
            self.registry.log.clear()
            found: List[Any] = []
            thread = threading.Thread(target=lambda: found.append(call()))
            thread.start()
            self.registry.await_that(lambda: self.registry.listeners == 1)
            self.registry.list_instance("other", "other-1")
            self.registry.list_instance("late", "late-1")
            thread.join(9)
            self.assertEqual([each["late"]["id"] for each in found], ["late-1"])
            looks = [path for _, path in self.registry.log if path.endswith("/instances")]
            self.assertEqual((len(looks), len(self.registry.log)), (4, 5), self.registry.log)
            self.registry.remove_instance("late", "late-1")
            self.registry.end_watches()

    def test_services_that_come_one_by_one_are_not_waited_for_any_longer(self) -> None:
        names = [f"late-{n}" for n in range(12)]
        missing = list(names)

        def come(_: float) -> None:
            self.time.now += 0.5
            self.registry.list_instance(missing[0], "one")
            missing.pop(0)

        self.registry.on_hold = come
        self.client.wait_for(names)
        self.assertEqual((missing, sum(self.time.sleeps)), ([], 0.0))

    def test_after_a_quiet_time_a_change_is_looked_at_at_once(self) -> None:
        course = [*[0.01] * 8, 3.0, 0.3]

        def hold(_: float) -> None:
            self.time.now += course.pop(0)
            self.registry.list_instance("ill", "ill-1", "unhealthy" if course else "up")

        self.registry.on_hold = hold
        self.client.wait_for(["ill"])
        self.assertGreater(self.time.sleeps[7], 1)
        self.assertEqual(self.time.sleeps[8:], [0.0, 0.0])

    def test_changes_that_make_nothing_ready_cost_less_and_less(self) -> None:
        flaps = 0

        def flap(_: float) -> None:
            nonlocal flaps
            flaps += 1
            self.time.now += 0.01
            self.registry.list_instance("ill", "ill-1", "unhealthy")

        self.registry.on_hold = flap
        with self.assertRaises(DependenciesNotReadyError):
            self.client.wait_for(["ill"], timeout=30)
        self.assertLess(flaps, 30)

    def test_a_node_that_hangs_while_it_holds_the_question_is_left_within_the_time(self) -> None:
        hung = ScriptedServer(Respond(200, [], INDEX), StaySilent())
        self.addCleanup(hung.stop)
        self.registry.on_hold = None
        self.registry.list_instance("late", "late-1")
        with ManifestClient([hung.url, self.registry.url], timeout=1) as client:
            client._transport._order._preferred = 0
            self.assertEqual(client.wait_for(["late"], timeout=8)["late"]["id"], "late-1")
        self.assertEqual(self.registry.listeners, 0, "no time was left to hold the question elsewhere")

    def test_a_single_node_that_hangs_does_not_hold_anybody_up_beyond_the_time(self) -> None:
        hung = ScriptedServer(lambda request: StaySilent() if "index=" in request.path else Respond(200, [], INDEX))
        self.addCleanup(hung.stop)
        with ManifestClient(hung.url) as client:
            calls: List[Callable[[], Any]] = [
                lambda: client.wait_for(["s"], timeout=1),
                lambda: asyncio.run(client.wait_for_async(["s"], timeout=1)),
            ]
            for call in calls:
                began = time.monotonic()
                with self.assertRaises(DependenciesNotReadyError):
                    call()
                self.assertLess(time.monotonic() - began, 4)

    def test_ends_when_the_time_is_over_with_one_error_about_all(self) -> None:
        began = self.time.now
        with self.assertRaises(DependenciesNotReadyError) as caught:
            self.client.wait_for(["gone", "a", "ill"], timeout=5)
        self.assertEqual((caught.exception.missing, caught.exception.unhealthy), (["gone"], ["ill"]))
        self.assertAlmostEqual(self.time.now - began, 5.0)
        self.assertIn("after 5.0 s", caught.exception.message)

    def test_a_time_of_nothing_looks_once(self) -> None:
        with self.assertRaises(DependenciesNotReadyError):
            self.client.wait_for(["gone"], timeout=0)
        self.assertEqual((self.registry.count("GET"), self.time.sleeps), (1, []))

    def test_waits_for_the_registry_too(self) -> None:
        looks = 0

        def answer(_: Any) -> Any:
            nonlocal looks
            looks += 1
            return UNAVAILABLE if looks < 3 else None

        self.registry.instead = answer
        self.assertEqual(self.client.wait_for(["a"])["a"]["id"], "a-1")

    def test_a_registry_that_never_comes_is_the_cause(self) -> None:
        with ManifestClient(unused_url(), retries=0) as client:
            client._clock = self.time.clock
            with self.assertRaises(DependenciesNotReadyError) as caught:
                client.wait_for(["a", "b"], timeout=3)
        self.assertEqual(dict(caught.exception.waiting), {"a": "unanswered", "b": "unanswered"})
        self.assertEqual((caught.exception.missing, caught.exception.unhealthy), ([], []))
        self.assertIsInstance(caught.exception.__cause__, UnavailableError)
        self.assertIn("cannot connect", caught.exception.message)

    def test_a_refusal_ends_the_wait(self) -> None:
        self.registry.instead = lambda _: refuse(401, "unauthorized")
        self.assertIsInstance(self.both("wait_for", ["a"]), UnauthorizedError)

    def test_a_hook_that_raises_ends_the_wait(self) -> None:
        def enough(_: WaitProgress) -> None:
            raise KeyError("enough")

        self.assertIsInstance(self.both("wait_for", ["gone"], on_progress=enough), KeyError)

    def test_a_wrong_timeout_is_named(self) -> None:
        for timeout in ["5", -1, True, float("nan")]:
            with self.subTest(timeout):
                error = self.both("wait_for", ["a"], timeout)
                self.assertIsInstance(error, ValidationError)
                self.assertEqual(error.field, "timeout")

    def test_the_asynchronous_form_waits_without_holding_the_loop_and_can_be_cancelled(self) -> None:
        with ManifestClient(self.registry.url) as client:

            async def main() -> None:
                waiting = asyncio.Event()
                task = asyncio.ensure_future(
                    client.wait_for_async(["gone"], timeout=None, on_progress=lambda _: waiting.set())
                )
                await asyncio.wait_for(waiting.wait(), 10)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                appeared = asyncio.ensure_future(client.wait_for_async(["late"], timeout=20))
                self.registry.list_instance("late", "late-1")
                self.assertEqual((await appeared)["late"]["id"], "late-1")
                with self.assertRaises(DependenciesNotReadyError):
                    await client.wait_for_async(["gone"], timeout=0.01)

            asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
