"""Answers that watches keep level: without requests, over nodes that end, hang, refuse and forget."""

import asyncio
import gc
import os
import threading
import unittest
from typing import Any, Callable, Dict, List, Optional
from unittest import mock

import support  # noqa: F401
from support.events import COMMENT, current, marker
from support.fake_clock import FakeClock
from support.fake_registry import FakeRegistry
from support.forking import in_forked_child
from support.scripted_server import Behaviour, Received, Stream, refuse

from chora_manifest_client import (
    CachedRegistry,
    ManifestClient,
    ServiceNotFoundError,
    UnavailableError,
    cached_registry,
)
from chora_manifest_client.mirror import Mirror

UNAVAILABLE = refuse(503, "service_unavailable", retryable=True)


def is_watch(request: Received) -> bool:
    return request.path.startswith("/v1/watch")


class Base(unittest.TestCase):
    def setUp(self) -> None:
        self.registry = FakeRegistry()
        self.addCleanup(self.registry.stop)
        self.client = ManifestClient(self.registry.url, retries=0)
        self.addCleanup(self.client.close)
        self.time = FakeClock(chance=0.0)
        self.client._clock = self.time.clock
        self.cache = CachedRegistry(self.client)
        self.addCleanup(self.cache.close)
        self.registry.list_instance("s", "s-1")

    def ids(self, name: str = "s", **filters: Any) -> List[str]:
        return [each["id"] for each in self.cache.get_instances(name, **filters)]

    def watched_ids(self, name: str = "s", **filters: Any) -> List[str]:
        """The same, from the second time on when a watch has everything, so that whatever follows is told by it."""
        self.ids(name, **filters)
        self.await_level()
        return self.ids(name, **filters)

    def await_that(self, condition: Callable[[], bool]) -> None:
        self.registry.await_that(condition)

    def await_level(self) -> None:
        """Until every watch has told what happened so far."""
        self.await_that(lambda: all(map(self._is_level, list(self.cache._mirrors.values()))))

    def _is_level(self, mirror: Any) -> bool:
        state = mirror._state
        names = {mirror._filters.service}
        last = max((revision for revision, name, _ in self.registry.history if names & {None, name}), default=0)
        return state is not None and state.revision >= last and mirror._watch.is_connected

    def requests(self, of_watches: bool = False) -> List[str]:
        return [path for _, path in self.registry.log if path.startswith("/v1/watch") == of_watches]

    def without_watches(self, then: Callable[[Received], Optional[Behaviour]] = lambda _: None) -> None:
        """Ends the watches, and refuses new ones for now. Resolves when the cache knows."""
        self.registry.instead = lambda request: UNAVAILABLE if is_watch(request) else then(request)
        self.registry.end_watches()
        self.await_that(lambda: not any(each._watch.is_connected for each in self.cache._mirrors.values()))


class Level(Base):
    def test_thousands_of_reads_a_millisecond_apart_cost_no_request(self) -> None:
        self.assertEqual(self.watched_ids(), ["s-1"])
        self.cache.list_services()
        self.await_level()
        before = list(self.registry.log)
        for _ in range(5_000):
            self.time.now += 0.001
            self.cache.get_service("s")
            self.cache.list_services()
        self.assertEqual(self.registry.log, before)
        self.assertEqual(self.requests(of_watches=True), ["/v1/watch?service=s&initial=true", "/v1/watch?initial=true"])

    def test_signs_of_life_are_enough_for_any_length_of_time(self) -> None:
        self.watched_ids()
        (mirror,) = self.cache._mirrors.values()
        for _ in range(25):
            self.time.now += 15
            for stream, _ in self.registry.watches:
                stream.send(COMMENT)
            self.await_that(lambda: mirror._watch.heard_at == self.time.now)
            self.assertEqual(self.ids(), ["s-1"])
        self.assertEqual(len(self.requests()), 1)

    def test_every_change_shows_without_a_request(self) -> None:
        self.watched_ids()
        changes: List[Any] = [
            (lambda: self.registry.list_instance("s", "s-3"), [("s-1", "up"), ("s-3", "up")]),
            (lambda: self.registry.list_instance("s", "s-0", "unknown"), [("s-1", "up"), ("s-3", "up"), ("s-0", "unknown")]),
            (lambda: self.registry.list_instance("s", "s-1", "unhealthy"),
             [("s-3", "up"), ("s-0", "unknown"), ("s-1", "unhealthy")]),
            (lambda: self.registry.remove_instance("s", "s-3"), [("s-0", "unknown"), ("s-1", "unhealthy")]),
            (lambda: self.registry.list_instance("other", "o-1"), [("s-0", "unknown"), ("s-1", "unhealthy")]),
            (lambda: self.registry.remove_instance("s", "s-0", "expired"), [("s-1", "unhealthy")]),
            (lambda: self.registry.remove_instance("s", "s-1"), []),
        ]  # fmt: skip
        for change, expected in changes:
            change()
            self.await_level()
            self.assertEqual([(each["id"], each["status"]) for each in self.cache.get_instances("s")], expected)
        with self.assertRaises(ServiceNotFoundError):
            self.cache.get_service("s")
        self.assertEqual(len(self.requests()), 1)

    def test_a_service_that_nobody_was_yet_shows_as_soon_as_it_is_there(self) -> None:
        self.assertEqual(self.watched_ids("late"), [])
        self.time.now += 15
        self.assertEqual(self.ids("late"), [])
        self.registry.list_instance("late", "late-1")
        self.await_level()
        self.assertEqual(self.cache.get_service("late")["id"], "late-1")
        self.assertEqual(len(self.requests()), 1)

    def test_records_are_those_of_a_list_and_belong_to_the_caller(self) -> None:
        self.watched_ids()
        self.registry.list_instance("s", "s-1", "unhealthy")
        self.await_level()
        expected = self.client.get_instances("s")
        for record in (self.cache.get_service("s"), self.cache.get_instances("s")[0], self.cache.list_services()[0]):
            self.assertEqual([record], expected)
            record["interfaces"].clear()
        self.assertEqual(self.cache.get_instances("s"), expected)

    def test_whoever_reads_meanwhile_sees_the_state_before_a_change_or_after_it(self) -> None:
        self.watched_ids()
        (mirror,) = self.cache._mirrors.values()
        before = mirror._state
        assert before is not None
        self.registry.list_instance("s", "s-2")
        self.await_level()
        self.assertEqual(([*before.records], before.revision), ([("s", "s-1")], 1))

    def test_what_no_longer_meets_the_conditions_is_left_out(self) -> None:
        self.assertEqual(self.watched_ids(status="up"), ["s-1"])
        self.registry.list_instance("s", "s-1", "unhealthy")
        self.await_level()
        self.assertEqual(self.ids(status="up"), [])
        self.registry.list_instance("s", "s-1")
        self.await_level()
        self.assertEqual(self.ids(status="up"), ["s-1"])
        self.assertEqual(len(self.requests()), 1)

    def test_the_asynchronous_forms_answer_from_the_same_watches_without_a_thread(self) -> None:
        async def main() -> None:
            self.assertEqual((await self.cache.get_service_async("s"))["id"], "s-1")
            await self.cache.list_services_async()
            self.registry.list_instance("s", "s-2")
            self.await_level()
            self.client._calls.close()  # no more threads
            self.assertEqual([each["id"] for each in await self.cache.get_instances_async("s")], ["s-1", "s-2"])
            self.assertEqual(len(await self.cache.list_services_async()), 2)

        asyncio.run(main())


class Lost(Base):
    def test_reads_go_on_while_a_node_is_lost_and_what_was_missed_shows_afterwards_once(self) -> None:
        self.watched_ids()
        self.without_watches()
        self.registry.list_instance("s", "s-2")
        self.registry.list_instance("s", "s-3")
        self.registry.remove_instance("s", "s-1")
        self.time.now += 10
        self.assertEqual(self.ids(), ["s-1"])
        self.assertEqual(len(self.requests()), 1)
        self.registry.instead = None
        self.await_level()
        self.assertEqual(self.ids(), ["s-2", "s-3"])
        self.assertEqual(len(self.requests()), 1)
        self.assertEqual(self.requests(of_watches=True)[-1], "/v1/watch?service=s&from=1")

    def test_while_no_watch_can_be_had_a_question_is_asked_once_in_its_lifetime(self) -> None:
        self.watched_ids()
        self.without_watches()
        self.registry.list_instance("s", "s-2")
        self.time.now += 29
        self.assertEqual(self.ids(), ["s-1"])
        self.time.now += 2
        for _ in range(100):
            self.assertEqual(self.ids(), ["s-1", "s-2"])
        self.assertEqual(len(self.requests()), 2)

    def test_what_a_watch_told_before_it_broke_lives_no_longer_than_an_answer(self) -> None:
        self.cache = CachedRegistry(self.client, cache_ttl=2)
        self.watched_ids()
        self.without_watches()
        self.registry.list_instance("s", "s-2")
        self.time.now += 1
        self.assertEqual(self.ids(), ["s-1"])
        self.time.now += 2
        self.assertEqual(self.ids(), ["s-1", "s-2"])

    def test_a_node_that_falls_silent_in_the_middle_of_a_state_is_not_believed(self) -> None:
        self.watched_ids()
        (mirror,) = self.cache._mirrors.values()
        half = Stream(marker("compacted", 9), current("s-7"))
        self.addCleanup(half.end)
        self.registry.instead = lambda request: half if is_watch(request) else None
        self.time.now += 15
        self.registry.end_watches()
        self.await_that(lambda: mirror._watch._order.is_holding_back)
        self.assertFalse(mirror.is_level)
        self.registry.list_instance("s", "s-2")
        self.assertEqual(self.ids(), ["s-1"])
        self.time.now += 16
        self.assertEqual(self.ids(), ["s-1", "s-2"], "31 s after the last word of a node that told all")

    def test_a_node_that_falls_silent_is_not_believed_for_longer_than_the_lifetime(self) -> None:
        self.watched_ids()
        self.time.now += 19
        self.ids()
        self.time.now += 10
        self.assertEqual(len(self.requests()), 1)
        self.registry.watches.clear()  # it says nothing any more, and does not end
        self.registry.list_instance("s", "s-2")
        self.assertEqual(self.ids(), ["s-1"])
        self.time.now += 2
        self.assertEqual(self.ids(), ["s-1", "s-2"], "31 s after the last word")

    def test_without_any_node_the_last_state_serves_for_five_minutes_and_then_none_does(self) -> None:
        self.watched_ids()
        self.time.now += 5
        self.registry.list_instance("s", "s-2")
        self.await_level()
        self.without_watches(lambda _: UNAVAILABLE)
        self.time.now += 299.9
        self.assertEqual(self.ids(), ["s-1", "s-2"])
        self.time.now += 0.2
        for _ in range(2):
            with self.assertRaises(UnavailableError):
                self.ids()
        self.registry.instead = None
        self.assertEqual(self.ids(), ["s-1", "s-2"])

    def test_a_registry_that_starts_again_shows_instances_as_unknown_and_never_none(self) -> None:
        self.registry.list_instance("s", "s-2")
        self.watched_ids()
        self.without_watches()
        for id in ("s-1", "s-2"):
            self.registry.list_instance("s", id, "unknown")
        self.assertEqual(self.ids(), ["s-1", "s-2"])
        self.registry.instead = None
        self.await_level()
        self.assertEqual({each["status"] for each in self.cache.get_instances("s")}, {"unknown"})
        self.assertEqual({self.cache.get_service("s")["id"] for _ in range(2)}, {"s-1", "s-2"})
        self.registry.list_instance("s", "s-2")
        self.await_level()
        self.assertEqual(self.cache.get_service("s")["id"], "s-2", "which has reported")

    def test_a_registry_that_lost_its_data_makes_nobody_vanish(self) -> None:
        for n in range(2, 5):
            self.registry.list_instance("s", f"s-{n}")
        everybody = self.watched_ids()
        (mirror,) = self.cache._mirrors.values()
        self.registry.lose_everything()
        self.await_that(lambda: mirror._state is not None and mirror._state.revision == 0)
        for seconds in (1, 18, 80, 200):  # also with questions, which it answers as empty at an older revision
            self.time.now += seconds
            self.assertEqual(self.ids(), everybody)
        self.time.now += 2
        self.assertEqual(self.ids(), [], "after five minutes there is nothing else to believe")
        self.registry.list_instance("s", "s-9")
        self.await_level()
        self.assertEqual(self.ids(), ["s-9"])

    def test_a_registry_that_lost_its_data_is_believed_once_it_lists_somebody(self) -> None:
        for n in range(2, 5):
            self.registry.list_instance("s", f"s-{n}")
        everybody = self.watched_ids()
        (mirror,) = self.cache._mirrors.values()
        self.registry.lose_everything()
        self.registry.list_instance("s", "s-9")
        self.await_that(lambda: mirror._state is not None and mirror._state.revision == 1)
        self.assertEqual(self.ids(), everybody)
        self.time.now += 31
        self.assertEqual(self.ids(), ["s-9"])
        self.registry.list_instance("s", "s-8")
        self.await_level()
        self.assertEqual(self.ids(), ["s-8", "s-9"])

    def test_what_was_asked_of_a_registry_that_lost_its_data_outlives_what_a_watch_told_before(self) -> None:
        for n in range(2, 5):
            self.registry.list_instance("s", f"s-{n}")
        self.watched_ids()
        self.without_watches()
        self.registry.lose_everything()
        self.registry.list_instance("s", "s-9")
        self.time.now += 31
        for _ in range(2):
            self.assertEqual(self.ids(), ["s-9"])
        self.assertEqual(len(self.requests()), 2)

    def test_reads_do_not_go_back_when_a_watch_is_behind_what_was_asked(self) -> None:
        self.watched_ids()
        (mirror,) = self.cache._mirrors.values()
        self.without_watches()
        self.registry.list_instance("s", "s-2")
        self.registry.list_instance("s", "s-3")
        self.time.now += 31
        self.assertEqual(self.ids(), ["s-1", "s-2", "s-3"])
        missed, self.registry.history = self.registry.history, self.registry.history[:2]
        self.registry.revision = 2  # the node that is watched now has not heard of everything yet
        self.registry.instead = None
        self.await_that(lambda: mirror._state is not None and mirror._state.revision == 2)
        self.assertEqual(self.ids(), ["s-1", "s-2", "s-3"])
        self.registry.history = missed


class Bounds(Base):
    def test_so_many_questions_are_watched_and_no_more_until_one_is_not_asked_any_more(self) -> None:
        with mock.patch.object(cached_registry, "MIRRORS_AT_MOST", 2):
            for name in ("a", "b", "c"):
                self.watched_ids(name)
            self.assertEqual(len(self.requests(of_watches=True)), 2)
            first, _ = list(self.cache._mirrors.values())
            for _ in range(13):
                self.time.now += 29
                self.ids("b"), self.ids("c")
            self.await_that(lambda: self.requests(of_watches=True)[2:] == ["/v1/watch?service=c&initial=true"])
            self.await_that(lambda: first.has_ended)

    def test_a_range_of_versions_is_left_to_the_registry(self) -> None:
        self.ids(version="^1.2")
        self.assertEqual(list(self.cache._mirrors), [])

    def test_watches_can_be_declined(self) -> None:
        with CachedRegistry(self.client, watch=False) as cache:
            cache.get_service("s")
            self.assertEqual(list(cache._mirrors), [])

    def test_a_watch_that_is_refused_costs_nothing_but_the_questions(self) -> None:
        self.registry.instead = lambda request: refuse(404, "not_found") if is_watch(request) else None
        self.ids()
        (mirror,) = self.cache._mirrors.values()
        self.await_that(lambda: mirror.has_ended)
        self.ids()
        self.registry.instead = None
        self.time.now += 31
        self.ids()
        self.assertEqual(len(self.requests()), 2)
        self.assertEqual(self.watched_ids(), ["s-1"])
        self.assertEqual(len(self.requests(of_watches=True)), 2)

    def test_a_system_without_threads_is_asked_again(self) -> None:
        with mock.patch.object(Mirror, "start", side_effect=RuntimeError("can't start new thread")):
            for _ in range(2):
                self.assertEqual(self.ids(), ["s-1"])
        self.assertEqual((len(self.requests()), list(self.cache._mirrors)), (1, []))

    def test_every_end_ends_the_watches(self) -> None:
        def drop() -> None:
            self.cache = CachedRegistry(self.client, watch=False)
            gc.collect()

        ends: Dict[str, Callable[[], Any]] = {
            "close": lambda: self.cache.close(),
            "clear": lambda: self.cache.clear(),
            "nobody holds it": drop,
            "the client's": lambda: self.client.close(),
        }
        for name, end in ends.items():
            with self.subTest(name):
                self.cache = CachedRegistry(self.client)
                self.watched_ids()
                (mirror,) = self.cache._mirrors.values()
                end()
                self.await_that(lambda: mirror.has_ended)

    @unittest.skipUnless(hasattr(os, "fork"), "this system cannot fork")
    def test_a_forked_child_watches_by_itself_and_leaves_the_parents_watch_alone(self) -> None:
        self.watched_ids()

        def child() -> None:
            self.assertEqual(list(self.cache._mirrors), [])
            self.time.now += 31
            self.assertEqual(self.ids(), ["s-1"])
            (mirror,) = self.cache._mirrors.values()
            while mirror.answer() is None:
                threading.Event().wait(0.01)
            self.cache.close()

        self.assertEqual(in_forked_child(child), 0)
        self.registry.list_instance("s", "s-2")
        self.await_level()
        self.assertEqual(self.ids(), ["s-1", "s-2"])
        self.assertEqual(len(self.requests(of_watches=True)), 2)


if __name__ == "__main__":
    unittest.main()
