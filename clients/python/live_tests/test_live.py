"""The client against a live cluster: what is written through one node is read through another."""

import asyncio
import re
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import live

from chora_manifest_client import (
    CachedRegistry,
    DependenciesNotReadyError,
    LeaseMismatchError,
    ManifestClient,
    ServiceGoneError,
    ServiceNotFoundError,
    ValidationError,
    WaitProgress,
)


def await_level(cache: CachedRegistry) -> None:
    live.await_that(lambda: all(each.answer() for each in cache._mirrors.values()), "the watches have told the state")


class Live(unittest.TestCase):
    def setUp(self) -> None:
        first, *others = live.urls()
        self.writer = ManifestClient(first, timeout=20)
        self.reader = ManifestClient(others or first, timeout=20)
        self.addCleanup(self.writer.close)
        self.addCleanup(self.reader.close)

    def test_a_registration_shows_on_another_node_with_all_it_said(self) -> None:
        metadata = {"description": "d", "dependencies": ["manifest"], "tags": ["live-a"], "extra": {"deep": [1, None]}}
        interfaces = {"REST": "http://10.0.0.1:1", "MCP": "tcp://10.0.0.1:2"}
        instance_id = self.writer.register("live-full", "1.2.3-rc.1+build", interfaces, metadata)
        self.assertRegex(instance_id, r"^live-full-[0-9a-f]{8}$")
        record = self.reader.get_service("live-full")
        self.assertEqual(
            (record["id"], record["version"], record["interfaces"], record["metadata"], record["status"]),
            (instance_id, "1.2.3-rc.1+build", interfaces, metadata, "up"),
        )
        self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["last_heartbeat"]))
        self.assertEqual(self.reader.list_services(name="live-full"), [record])

    def test_a_heartbeat_renews_and_a_deregistration_takes_off_the_list(self) -> None:
        instance_id = self.writer.register("live-beat", "1.0.0", {"CLI": "x"})
        before = self.reader.get_service("live-beat")["last_heartbeat"]
        time.sleep(0.05)  # the registry tells times apart by the millisecond
        self.writer.heartbeat("live-beat", instance_id)
        self.assertGreater(self.reader.get_service("live-beat")["last_heartbeat"], before)
        self.writer.deregister("live-beat", instance_id)
        with self.assertRaises(ServiceNotFoundError):
            self.reader.get_service("live-beat")
        self.assertEqual(self.reader.get_instances("live-beat"), [])
        with self.assertRaises(ServiceGoneError) as caught:
            self.reader.heartbeat("live-beat", instance_id)
        self.assertIn("deregistered_at", caught.exception.details)
        self.writer.deregister("live-beat", instance_id)
        with self.assertRaises(ServiceNotFoundError):
            self.reader.deregister("live-beat", instance_id)

    def test_refusals_name_what_is_wrong(self) -> None:
        cases: List[Tuple[Dict[str, Any], str, Optional[str]]] = [
            (dict(version="one"), "invalid_version", "version"),
            (dict(interfaces={"REST": "not a url"}), "validation_error", "interfaces.REST"),
            (dict(metadata={"environment": "moon"}), "validation_error", "metadata.environment"),
            (dict(metadata={"blob": "x" * 11_000}), "payload_too_large", None),
        ]
        right: Dict[str, Any] = {"name": "live-wrong", "version": "1.0.0", "interfaces": {"CLI": "x"}}
        for wrong, code, field in cases:
            with self.subTest(code=code, field=field), self.assertRaises(ValidationError) as caught:
                self.writer.register(**{**right, **wrong})
            self.assertEqual(caught.exception.error_code, code)
            if field is not None:
                self.assertEqual(caught.exception.field, field)
            self.assertTrue(caught.exception.request_id)
        with self.assertRaises(ValidationError) as caught:
            self.reader.list_services(status="sleepy")
        self.assertEqual((caught.exception.error_code, caught.exception.field), ("invalid_parameter", "status"))
        self.assertEqual(self.reader.list_services(name="live-wrong"), [])

    def test_a_lease_ends_with_the_next_registration(self) -> None:
        self.writer.register("live-lease", "1.0.0", {"CLI": "x"}, instance_id="live-lease-1")
        lease_id = self.reader.get_service("live-lease")["lease_id"]
        self.writer.heartbeat("live-lease", "live-lease-1", lease_id=lease_id)
        self.writer.register("live-lease", "1.0.1", {"CLI": "x"}, instance_id="live-lease-1")
        with self.assertRaises(LeaseMismatchError):
            self.writer.heartbeat("live-lease", "live-lease-1", lease_id=lease_id)
        self.assertEqual([each["version"] for each in self.reader.get_instances("live-lease")], ["1.0.1"])

    def test_instances_are_found_in_turn(self) -> None:
        ids = sorted(self.writer.register("live-turn", "1.0.0", {"CLI": "x"}) for _ in range(3))
        found = [self.reader.get_service("live-turn")["id"] for _ in range(6)]
        self.assertEqual(sorted(found[:3]), ids)
        self.assertEqual(found[:3], found[3:])

    def test_filters_select(self) -> None:
        self.writer.register(
            "live-filter", "1.0.0", {"REST": "http://h:1"},
            {"tags": ["live-x", "live-y"], "environment": "staging", "dependencies": ["live-needed"],
             "region": "live-eu", "owner": "me", "live-zones": [1, 2]},
            instance_id="a",
        )  # fmt: skip
        self.writer.register("live-filter", "2.3.0", {"CLI": "x"}, {"tags": ["live-x"]}, instance_id="b")
        for filters, expected in [
            (dict(tag="live-x"), ["a", "b"]),
            (dict(tag=["live-x", "live-y"]), ["a"]),
            (dict(environment="staging", name="live-filter"), ["a"]),
            (dict(dependency="live-needed"), ["a"]),
            (dict(interface="CLI", name="live-filter"), ["b"]),
            (dict(status="up", name="live-filter"), ["a", "b"]),
            (dict(version="^2.1", name="live-filter"), ["b"]),
            (dict(region="live-eu", owner="me"), ["a"]),
            (dict(metadata={"live-zones": 2}), ["a"]),
            (dict(status="unhealthy", name="live-filter"), []),
            (dict(name="live-filter", limit=1), ["a"]),
            (dict(name="live-filter", limit=1, offset=1), ["b"]),
        ]:
            with self.subTest(filters):
                self.assertEqual([each["id"] for each in self.reader.list_services(**filters)], expected)  # type: ignore[arg-type]
        self.assertEqual([each["id"] for each in self.reader.get_instances("live-filter", tag="live-y")], ["a"])

    def test_a_long_list_is_read_whole(self) -> None:
        ids = {f"crowd-{n:04}" for n in range(1_100)}
        with ThreadPoolExecutor(16) as threads:
            list(
                threads.map(
                    lambda each: self.writer.register("live-crowd", "1.0.0", {"CLI": "x"}, instance_id=each), ids
                )
            )
        found = [each["id"] for each in self.reader.list_services(name="live-crowd")]
        self.assertEqual(found, sorted(ids))

    def test_a_registered_instance_that_was_removed_is_listed_again_until_its_block_ends(self) -> None:
        ttl = {"heartbeat_interval": 1, "unhealthy_after": 2, "remove_after": 3}
        again = threading.Event()
        with self.writer.registered(
            "live-block", "1.0.0", {"CLI": "x"}, ttl=ttl, on_reregistered=lambda _: again.set()
        ) as instance:
            self.assertEqual(instance.manager.interval_seconds, 1.0)
            self.reader.deregister("live-block", instance.id)
            self.assertTrue(again.wait(20))
            self.assertEqual(self.reader.wait_for(["live-block", "manifest"])["live-block"]["id"], instance.id)
        self.assertEqual(self.reader.get_instances("live-block"), [])

    def test_dependencies_are_named_together_and_waited_for(self) -> None:
        with self.assertRaises(DependenciesNotReadyError) as caught:
            self.reader.resolve(["manifest", "live-late", "live-never"])
        self.assertEqual(caught.exception.missing, ["live-late", "live-never"])

        def start_it(_: WaitProgress) -> None:
            self.writer.register("live-late", "1.0.0", {"CLI": "x"}, instance_id="l")

        found = self.reader.wait_for(["live-late"], timeout=20, on_progress=start_it)
        self.assertEqual(found["live-late"]["id"], "l")

    def test_the_registry_wakes_whoever_waits(self) -> None:
        calls: List[Callable[[Callable[[WaitProgress], None]], Any]] = [
            lambda told: self.reader.wait_for(["manifest", "live-wake-0"], timeout=60, on_progress=told),
            lambda told: asyncio.run(self.reader.wait_for_async(["live-wake-1"], timeout=60, on_progress=told)),
        ]
        for number, call in enumerate(calls):
            looks: List[WaitProgress] = []
            name = f"live-wake-{number}"
            later = threading.Timer(1.5, lambda name=name: self.writer.register(name, "1.0.0", {"CLI": "x"}))
            later.start()
            self.assertEqual(call(looks.append)[name]["name"], name)
            later.join()
            self.assertLessEqual(len(looks), 2, "looks in vain; five where the registry is asked again and again")

    def test_who_depends_on_whom_is_told(self) -> None:
        self.writer.register("live-top", "1.0.0", {"CLI": "x"}, {"dependencies": ["live-middle"]})
        self.writer.register("live-middle", "1.0.0", {"CLI": "x"}, {"dependencies": ["live-absent"]})
        graph = self.reader.get_dependencies()
        self.assertIn({"from": "live-top", "to": "live-middle"}, graph["edges"])
        self.assertIn({"name": "live-absent", "required_by": ["live-middle"]}, graph["missing"])
        direct = self.reader.get_dependencies("live-top")
        self.assertEqual(([each["name"] for each in direct["dependencies"]], direct["ready"]), (["live-middle"], True))
        self.assertFalse(self.reader.get_dependencies("live-top", transitive=True)["ready"])
        dependents = self.reader.get_dependents("live-absent", transitive=True)["dependents"]
        self.assertEqual([(each["name"], each["direct"]) for each in dependents],
                         [("live-middle", True), ("live-top", False)])  # fmt: skip

    def test_a_cache_believes_a_registry_that_lists_an_instance_no_more(self) -> None:
        cache = CachedRegistry(self.reader, cache_ttl=0.001, watch=False)
        instance_id = self.writer.register("live-cache", "1.0.0", {"CLI": "x"})
        self.assertEqual(cache.get_service("live-cache")["id"], instance_id)
        self.writer.deregister("live-cache", instance_id)
        time.sleep(0.002)  # the lifetime of what the cache knows
        self.assertEqual(cache.get_instances("live-cache"), [])

    def test_reads_from_memory_cost_no_request_and_show_what_changes(self) -> None:
        first = self.writer.register("live-memory", "1.0.0", {"CLI": "x"})
        with CachedRegistry(self.reader) as cache:
            self.assertEqual(cache.get_service("live-memory")["id"], first)
            await_level(cache)
            before = live.count_of_reads()
            for _ in range(3_000):
                self.assertEqual(cache.get_service("live-memory")["id"], first)
                time.sleep(0.001)
            second = self.writer.register("live-memory", "1.0.0", {"CLI": "x"})
            self.await_ids(cache, {first, second})
            self.writer.deregister("live-memory", first)
            self.await_ids(cache, {second})
            self.writer.deregister("live-memory", second)
            self.await_ids(cache, set())
            self.assertEqual(live.count_of_reads(), before)

    def await_ids(self, cache: CachedRegistry, ids: Set[str]) -> None:
        live.await_that(lambda: {each["id"] for each in cache.get_instances("live-memory")} == ids, str(ids))

    def test_a_cache_selects_from_what_a_watch_tells_as_the_registry_does(self) -> None:
        conditions: List[Dict[str, Any]] = [
            {}, {"status": "up"}, {"status": "unhealthy"}, {"tag": "live-m"}, {"tag": ["live-m", "live-n"]},
            {"environment": "staging"}, {"interface": "REST"}, {"dependency": "live-d"}, {"region": "eu"}, {"owner": "me"},
            {"metadata": {"live-zones": 1}}, {"metadata": {"live-zones": "b"}}, {"metadata": {"live-on": True}},
            {"metadata": {"live-none": None}}, {"metadata": {"live-part": 0.25}}, {"metadata": {"live-on": "tru"}},
        ]  # fmt: skip
        shapes: List[Dict[str, Any]] = [
            {}, {"tags": ["live-m"]}, {"tags": ["live-n", "live-m"], "environment": "staging"}, {"dependencies": ["live-d"]},
            {"region": "eu", "owner": "me"}, {"live-zones": [1, "b", {"c": 1}]}, {"live-zones": "1", "live-on": True},
            {"live-none": None, "live-part": 0.25}, {"live-on": "true", "live-zones": 1.0, "live-part": ["0.25"]},
        ]  # fmt: skip

        def register(shift: int) -> None:
            for number in range(len(shapes)):
                interfaces = {"REST": "http://h:1"} if (number + shift) % 2 else {"CLI": "x"}
                shape = shapes[(number + shift) % len(shapes)]
                self.writer.register("live-select", "1.0.0", interfaces, shape, instance_id=f"i-{number}")

        register(0)
        with CachedRegistry(self.reader) as cache:
            for each in conditions:
                cache.list_services(name="live-select", **each)
            await_level(cache)
            for shift in (1, 2, 3):
                register(shift)
                self.writer.deregister("live-select", f"i-{shift}")
                last = max(each["revision"] for each in self.reader.list_services(name="live-select"))
                for each in conditions:
                    with self.subTest(each, shift=shift):
                        asked = self.reader.list_services(name="live-select", **each)
                        live.await_that(
                            lambda: cache.list_services(name="live-select", **each) == asked, f"{each} at {last}"
                        )
            self.assertEqual(len(cache._mirrors), len(conditions))

    def test_an_asynchronous_block_is_listed_while_it_runs(self) -> None:
        async def main() -> None:
            async with ManifestClient(live.urls(), timeout=20) as client:
                async with client.registered_async("live-ablock", "1.0.0", {"CLI": "x"}) as instance:
                    self.assertEqual((await client.resolve_async(["live-ablock"]))["live-ablock"]["id"], instance.id)
                self.assertEqual(await client.get_instances_async("live-ablock"), [])

        asyncio.run(main())

    def test_a_watch_tells_what_happens_through_any_node_and_goes_on_where_another_ended(self) -> None:
        self.writer.register("live-watch", "1.0.0", {"CLI": "x"}, instance_id="w-1")
        with self.reader.watch(service="live-watch", initial=True) as events:
            self.assertEqual([next(events).id, next(events).type], ["w-1", "synced"])
            self.writer.register("live-watch", "1.0.1", {"CLI": "x"}, instance_id="w-1")
            event = next(events)
            self.assertEqual((event.type, event.id, event.revision), ("updated", "w-1", events.revision))
        self.writer.deregister("live-watch", "w-1")
        self.writer.register("live-watch", "1.0.0", {"CLI": "x"}, instance_id="w-2")
        with self.writer.watch(service="live-watch", from_revision=events.revision) as later:
            self.assertEqual([(each.type, each.id) for _, each in zip(range(2), later)],
                             [("deregistered", "w-1"), ("registered", "w-2")])  # fmt: skip

    def test_an_asynchronous_watch_tells_the_same(self) -> None:
        async def main() -> None:
            async with ManifestClient(live.urls(), timeout=20) as client:
                async with client.watch_async(name="live-awatch") as events:
                    own_id = await client.register_async("live-awatch", "1.0.0", {"CLI": "x"})
                    event = await events.__anext__()
                    self.assertEqual((event.type, event.id), ("registered", own_id))

        asyncio.run(main())

    def test_the_registry_lists_itself_and_is_healthy(self) -> None:
        self.assertIn(":", self.reader.get_service("manifest")["interfaces"]["REST"])
        self.assertEqual(self.reader.health()["status"], "healthy")

    def test_the_twins_for_asyncio_do_the_same(self) -> None:
        async def main() -> None:
            async with ManifestClient(live.urls(), timeout=20) as client:
                ids = await asyncio.gather(
                    *(client.register_async("live-async", "1.0.0", {"CLI": "x"}) for _ in range(20))
                )
                self.assertEqual(len(set(ids)), 20)
                await asyncio.gather(*(client.heartbeat_async("live-async", each) for each in ids))
                self.assertEqual({each["id"] for each in await client.get_instances_async("live-async")}, set(ids))
                self.assertIn((await client.get_service_async("live-async"))["id"], ids)
                self.assertEqual(len(await client.list_services_async(name="live-async")), 20)
                self.assertEqual((await client.health_async())["status"], "healthy")
                await asyncio.gather(*(client.deregister_async("live-async", each) for each in ids))
                self.assertEqual(await client.get_instances_async("live-async"), [])

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
