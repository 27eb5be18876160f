"""Answers from memory: how long they live, and what may take their place."""

import asyncio
import os
import threading
import unittest
from typing import Any, List, Optional

import support  # noqa: F401
from support.fake_clock import FakeClock
from support.fake_registry import FakeRegistry
from support.forking import in_forked_child
from support.scripted_server import Behaviour, Received, Respond, refuse

from chora_manifest_client import (
    CachedRegistry,
    ManifestClient,
    ServiceNotFoundError,
    UnauthorizedError,
    UnavailableError,
    ValidationError,
)

UNAVAILABLE = refuse(503, "service_unavailable", retryable=True)


class Cache(unittest.TestCase):
    def setUp(self) -> None:
        self.registry = FakeRegistry()
        self.addCleanup(self.registry.stop)
        self.client = ManifestClient(self.registry.url, retries=0)
        self.addCleanup(self.client.close)
        self.time = FakeClock()
        self.client._clock = self.time.clock
        self.cache = CachedRegistry(self.client, cache_ttl=30, watch=False)
        self.registry.list_instance("s", "s-1")

    @property
    def asked(self) -> int:
        return self.registry.count("GET")

    def ids(self, name: str = "s") -> List[str]:
        return [each["id"] for each in self.cache.get_instances(name)]

    def test_thousands_of_reads_cost_one_request(self) -> None:
        for _ in range(2_000):
            self.time.now += 0.001
            self.cache.get_service("s")
        self.assertEqual(self.asked, 1)

    def test_asks_again_when_the_lifetime_is_over(self) -> None:
        self.ids()
        self.registry.list_instance("s", "s-2")
        self.time.now += 29.9
        self.assertEqual(self.ids(), ["s-1"])
        self.time.now += 0.2
        self.assertEqual(self.ids(), ["s-1", "s-2"])
        self.assertEqual(self.asked, 2)

    def test_gives_remembered_instances_in_turn(self) -> None:
        self.registry.list_instance("s", "s-2")
        found = [self.cache.get_service("s")["id"] for _ in range(4)]
        self.assertEqual((sorted(found[:2]), found[:2]), (["s-1", "s-2"], found[2:]))

    def test_each_question_has_an_answer_of_its_own(self) -> None:
        self.registry.list_instance("t", "t-1")
        self.ids("s"), self.ids("t")
        self.cache.get_instances("s", status="up", tag=["a", "b"])
        self.cache.get_instances("s", status="up", tag=iter(["a", "b"]))
        self.cache.list_services(name="s", tag="a")
        self.cache.list_services(name="s", tag="a")
        self.assertEqual(
            [path for _, path in self.registry.log],
            [
                "/v1/services/s/instances",
                "/v1/services/t/instances",
                "/v1/services/s/instances?status=up&tag=a&tag=b",
                "/v1/services?tag=a&name=s&limit=1000&cursor=",
            ],
        )

    def test_what_a_caller_changes_is_its_own(self) -> None:
        self.cache.get_service("s")["interfaces"]["REST"] = "http://elsewhere"
        self.cache.get_instances("s").clear()
        self.assertEqual(self.cache.get_service("s")["interfaces"]["REST"], "http://10.0.0.1:8600")

    def test_that_nothing_is_listed_is_believed_for_a_second(self) -> None:
        for _ in range(2):
            with self.assertRaises(ServiceNotFoundError):
                self.cache.get_service("late")
        self.assertEqual(self.asked, 1)
        self.registry.list_instance("late", "late-1")
        self.time.now += 1.1
        self.assertEqual(self.cache.get_service("late")["id"], "late-1")

    def test_the_last_known_answer_serves_for_five_minutes_while_no_node_can_be_reached(self) -> None:
        page = Respond(200, raw=b"<html>")
        for silence in (UNAVAILABLE, refuse(429, "rate_limit_exceeded", retryable=True), page):
            with self.subTest(silence):
                self.registry.instead = None
                self.cache.clear()
                self.ids()
                self.registry.instead = lambda _: silence
                for seconds in (31, 100, 168.9):
                    self.time.now += seconds
                    with self.assertLogs("chora_manifest_client", "WARNING") as logged:
                        self.assertEqual(self.ids(), ["s-1"])
                    self.assertIn("answering from", logged.output[0])
                self.time.now += 0.2
                with self.assertRaises(Exception):
                    self.ids()

    def test_while_no_node_can_be_reached_only_one_call_in_a_while_waits_in_vain(self) -> None:
        self.registry.list_instance("t", "t-1")
        self.ids("s"), self.ids("t")
        self.registry.instead = lambda _: UNAVAILABLE
        self.time.now += 31
        for _ in range(100):
            self.ids("s"), self.ids("t")
        self.assertEqual(self.asked, 3)
        self.time.now += 2.1
        self.ids("s")
        self.assertEqual(self.asked, 4)
        self.registry.instead = None
        self.registry.list_instance("s", "s-2")
        self.time.now += 2.1
        self.assertEqual(self.ids("s"), ["s-1", "s-2"])

    def test_what_was_never_known_is_an_error(self) -> None:
        self.registry.instead = lambda _: UNAVAILABLE
        with self.assertRaises(UnavailableError):
            self.ids()

    def test_a_refusal_is_not_covered_up(self) -> None:
        self.ids()
        self.time.now += 31
        self.registry.instead = lambda _: refuse(401, "unauthorized")
        with self.assertRaises(UnauthorizedError):
            self.ids()

    def test_an_empty_answer_at_a_later_revision_is_believed(self) -> None:
        self.ids()
        self.client.deregister("s", "s-1")
        self.time.now += 31
        self.assertEqual(self.ids(), [])

    def test_an_empty_answer_that_nothing_confirms_does_not_replace_a_full_one(self) -> None:
        for _ in range(5):
            self.registry.list_instance("s", "s-1")
        index = str(self.registry.revision)
        cases = {
            "an older revision": Respond(200, [], {"X-Manifest-Index": "1"}),
            "no revision": Respond(200, []),
            "a stale read": Respond(200, [], {"X-Manifest-Index": index, "X-Manifest-Staleness-Ms": "3"}),
            "no such path": refuse(404, "service_not_found"),
        }
        for case, empty in cases.items():
            with self.subTest(case):
                self.registry.instead = None
                self.cache.clear()
                self.ids()
                self.registry.instead = lambda _: empty
                for seconds in (31, 200):
                    self.time.now += seconds
                    self.assertEqual(self.ids(), ["s-1"])
                self.time.now += 70
                self.assertEqual(self.ids(), [], "after five minutes there is nothing else to believe")

    def test_a_list_in_pages_is_as_old_as_the_oldest_of_them(self) -> None:
        def page(request: Received) -> Behaviour:
            if request.path.endswith("cursor="):
                records = [self.record(n) for n in range(1_000)]
                return Respond(200, records, {"X-Manifest-Index": "9", "X-Manifest-Cursor": "next"})
            return Respond(200, [self.record(1_000)], {"X-Manifest-Index": "7"})

        self.registry.instead = page
        self.assertEqual(len(self.cache.list_services()), 1_001)
        self.time.now += 31
        self.registry.instead = lambda _: Respond(200, [], {"X-Manifest-Index": "6"})
        self.assertEqual(len(self.cache.list_services()), 1_001)
        self.time.now += 31
        self.registry.instead = lambda _: Respond(200, [], {"X-Manifest-Index": "7"})
        self.assertEqual(self.cache.list_services(), [])

    @staticmethod
    def record(number: int) -> Any:
        return {"name": "s", "id": f"s-{number:04}", "status": "up"}

    def test_threads_that_ask_the_same_wait_for_one_request_and_share_its_outcome(self) -> None:
        everybody_waits = threading.Event()

        def waiting() -> int:
            return sum(len(each.future._condition._waiters) for each in list(self.cache._asking.values()))  # type: ignore[attr-defined,misc]

        def hold(_: Received) -> Optional[Behaviour]:
            everybody_waits.wait(10)
            return UNAVAILABLE if fails else None

        self.registry.instead = hold
        for fails in (True, False):
            everybody_waits.clear()
            before = self.asked
            outcomes: List[Any] = []

            def read() -> None:
                try:
                    outcomes.append(self.ids())
                except UnavailableError as error:
                    outcomes.append(type(error))

            threads = [threading.Thread(target=read) for _ in range(8)]
            for thread in threads:
                thread.start()
            self.registry.await_that(lambda: waiting() == 7)
            everybody_waits.set()
            for thread in threads:
                thread.join(10)
            self.assertEqual(outcomes, [UnavailableError if fails else ["s-1"]] * 8)
            self.assertEqual(self.asked - before, 1)

    def test_the_asynchronous_forms_answer_from_the_same_memory_without_a_thread(self) -> None:
        async def main() -> None:
            self.assertEqual((await self.cache.get_service_async("s"))["id"], "s-1")
            self.assertEqual(len(await self.cache.list_services_async(name="s")), 1)
            self.client._calls.close()  # no more threads
            self.assertEqual([each["id"] for each in await self.cache.get_instances_async("s")], ["s-1"])
            self.assertEqual(len(await self.cache.list_services_async(name="s")), 1)
            with self.assertRaises(ServiceNotFoundError):
                self.cache._answers.forget_all()
                self.registry.lose_everything()
                self.cache.get_service("s")

        asyncio.run(main())
        self.assertEqual(self.asked, 3)

    def test_answers_that_are_too_old_do_not_pile_up(self) -> None:
        for n in range(1_005):
            self.cache.get_instances(f"s-{n}")
        self.time.now += 301
        self.ids("s")
        self.assertEqual(len(self.cache._answers._answers), 1)

    def test_wrong_arguments_are_named(self) -> None:
        cases: List[Any] = [{"cache_ttl": 0}, {"keep": "5"}]
        for wrong in cases:
            with self.subTest(wrong), self.assertRaises(ValidationError) as caught:
                CachedRegistry(self.client, **wrong)
            self.assertEqual(caught.exception.field, next(iter(wrong)))
        with self.assertRaises(ValidationError):
            self.cache.get_service("A")

    @unittest.skipUnless(hasattr(os, "fork"), "this system cannot fork")
    def test_a_forked_child_does_not_wait_for_a_question_of_its_parent(self) -> None:
        held, go_on = threading.Event(), threading.Event()

        def hold(_: Received) -> Optional[Behaviour]:
            if not held.is_set():
                held.set()
                go_on.wait(10)
            return None

        self.registry.instead = hold
        reader = threading.Thread(target=self.ids)
        reader.start()
        held.wait(10)
        self.assertEqual(in_forked_child(lambda: self.assertEqual(self.ids(), ["s-1"])), 0)
        go_on.set()
        reader.join()


if __name__ == "__main__":
    unittest.main()
