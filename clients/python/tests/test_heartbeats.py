"""Heartbeats in the background, from threads and from event loops: the same promises for both."""

import asyncio
import os
import threading
import time
import unittest
from typing import Any, Awaitable, Callable, List, Optional

import support  # noqa: F401
from support.fake_registry import FakeRegistry
from support.forking import in_forked_child
from support.scripted_server import Behaviour, Received, Respond, StaySilent, refuse

from chora_manifest_client import (
    AsyncHeartbeatManager,
    HeartbeatManager,
    LeaseMismatchError,
    ManifestClient,
    ManifestError,
    UnavailableError,
    ValidationError,
)


class Base(unittest.TestCase):
    def setUp(self) -> None:
        self.registry = FakeRegistry()
        self.addCleanup(self.registry.stop)
        self.client = ManifestClient(self.registry.url, retries=0)
        self.addCleanup(self.client.close)

    def register(self, **more: Any) -> str:
        return self.client.register("s", "1.0.0", {"CLI": "s"}, {"tags": ["a"]}, **more)

    def refuse_heartbeats(self, behaviour: Behaviour) -> None:
        self.registry.instead = lambda request: behaviour if request.method == "PUT" else None


class Threaded(Base):
    def start(self, instance_id: str, **options: Any) -> HeartbeatManager:
        manager = HeartbeatManager(self.client, "s", instance_id, **options)
        manager.start()
        self.addCleanup(manager.stop)
        return manager

    def test_renews_as_often_as_the_registry_asked_until_it_is_stopped_and_then_deregisters(self) -> None:
        manager = self.start(self.register())
        self.assertEqual(manager.interval_seconds, 0.02)
        self.registry.await_count("PUT", 3)
        self.assertTrue(manager.is_running)
        manager.stop()
        self.assertEqual(self.registry.listed, {})
        self.assertEqual(self.registry.log[-1][0], "DELETE")
        manager._thread.join(10)  # type: ignore[union-attr]
        self.assertFalse(manager.is_running)
        manager.stop()
        self.assertEqual(self.registry.count("DELETE"), 1)

    def test_an_interval_may_be_given(self) -> None:
        self.assertEqual(self.start(self.register(), interval=7).interval_seconds, 7.0)
        with self.assertRaises(ValidationError) as caught:
            HeartbeatManager(self.client, "s", "s-1", 0)
        self.assertEqual(caught.exception.field, "interval")

    def test_an_instance_of_another_client_is_renewed_every_ten_seconds(self) -> None:
        self.assertEqual(HeartbeatManager(self.client, "s", "s-1").interval_seconds, 10.0)

    def test_stops_at_once_however_long_the_interval_and_however_silent_the_registry(self) -> None:
        manager = self.start(self.register(), interval=3_600)
        began = time.monotonic()
        manager.stop()
        self.registry.heartbeat_interval = 0.02
        self.refuse_heartbeats(StaySilent())
        manager = self.start(self.register())
        self.registry.await_count("PUT", 1)
        manager.stop()
        self.assertLess(time.monotonic() - began, 3)
        self.assertEqual(self.registry.listed, {})

    def test_registers_the_same_again_where_the_registry_lost_the_instance(self) -> None:
        again: "List[str]" = []
        for answer in [None, refuse(404, "service_not_found")]:
            with self.subTest(answer):
                instance_id = self.register()
                manager = self.start(instance_id, on_reregistered=again.append)
                if answer is None:
                    self.registry.lose_everything()
                else:
                    self.refuse_heartbeats(answer)
                self.registry.await_that(lambda: ("s", instance_id) in self.registry.listed and bool(again))
                self.registry.instead = None
                self.assertEqual(self.registry.bodies[0], {**self.registry.bodies[-1], "id": self.registry.bodies[0]["id"]})
                beats = self.registry.count("PUT")
                self.registry.await_count("PUT", beats + 2)
                self.assertEqual((again.pop(), manager.failures), (instance_id, 0))
                manager.stop()

    def test_counts_failures_and_tells_of_them_and_of_the_end_of_them(self) -> None:
        failures: List[int] = []
        recovered: List[int] = []
        self.refuse_heartbeats(refuse(503, "service_unavailable", retryable=True))
        manager = self.start(
            self.register(), on_failure=lambda error, count: failures.append(count), on_recovered=recovered.append
        )
        self.registry.await_that(lambda: len(failures) >= 3)
        self.assertIsInstance(manager.last_error, UnavailableError)
        self.registry.instead = None
        self.registry.await_that(lambda: bool(recovered))
        self.assertEqual(failures[:3], [1, 2, 3])
        self.assertEqual(recovered, [len(failures)])
        self.assertEqual((manager.failures, manager.consecutive_failures), (len(failures), 0))

    def test_a_hook_that_raises_does_not_end_the_heartbeats(self) -> None:
        def explode(*_: Any) -> None:
            raise SystemExit("the program's mistake")

        self.refuse_heartbeats(refuse(500, "internal_error"))
        self.start(self.register(), on_failure=explode)
        self.registry.await_count("PUT", 3)

    def test_a_hook_may_stop_the_heartbeats(self) -> None:
        def give_up(error: Exception, count: int) -> None:
            manager.stop()

        self.refuse_heartbeats(refuse(500, "internal_error"))
        manager = HeartbeatManager(self.client, "s", self.register(), on_failure=give_up)
        manager.start()
        self.registry.await_count("DELETE", 1)
        manager._thread.join(10)  # type: ignore[union-attr]
        self.assertFalse(manager.is_running)

    def test_an_answer_that_is_no_registry_s_is_a_failure_like_any_other(self) -> None:
        self.refuse_heartbeats(Respond(200, raw=b"<html>" + b"[" * 100_000))
        manager = self.start(self.register())
        self.registry.await_that(lambda: manager.failures >= 2)
        self.assertTrue(manager.is_running)

    def test_leaves_the_instance_to_whoever_registered_it_last(self) -> None:
        errors: List[Exception] = []
        manager = self.start(self.register(instance_id="s-1"), on_failure=lambda error, _: errors.append(error))
        with ManifestClient(self.registry.url) as other:
            other.register("s", "2.0.0", {"CLI": "s"}, instance_id="s-1")
        self.registry.await_that(lambda: manager.is_superseded and not manager.is_running)
        self.assertIsInstance(errors[-1], LeaseMismatchError)
        manager.stop()
        self.assertIn(("s", "s-1"), self.registry.listed)
        self.assertEqual(self.registry.count("DELETE"), 0)

    def test_does_not_deregister_what_was_registered_by_somebody_else_since_the_last_heartbeat(self) -> None:
        manager = self.start(self.register(instance_id="s-1"), interval=3_600)
        with ManifestClient(self.registry.url) as other:
            other.register("s", "2.0.0", {"CLI": "s"}, instance_id="s-1")
        manager.stop()
        self.assertIn(("s", "s-1"), self.registry.listed)

    def test_goes_on_with_the_lease_of_a_registration_that_the_program_made_anew(self) -> None:
        manager = self.start(self.register(instance_id="s-1"))
        for _ in range(20):
            self.client.register("s", "2.0.0", {"CLI": "s"}, instance_id="s-1")
        beats = manager.heartbeats
        self.registry.await_that(lambda: manager.heartbeats > beats + 2)
        self.assertFalse(manager.is_superseded)

    def test_takes_a_lease_back_that_a_late_duplicate_of_its_own_registration_took(self) -> None:
        lost: List[Optional[Behaviour]] = [refuse(504, "outcome_unknown", retryable=True), None]
        self.registry.instead = lambda request: lost.pop(0) if request.method == "POST" and lost else None
        with ManifestClient(self.registry.url, retries=1) as client:
            manager = HeartbeatManager(client, "s", client.register("s", "1.0.0", {"CLI": "s"}, instance_id="s-1"))
            self.registry.list_instance("s", "s-1")  # the first attempt arrives now
            manager.start()
            self.registry.await_that(lambda: manager.heartbeats >= 3)
            self.assertEqual(manager.reregistrations, 1)
            manager.stop()
            self.assertEqual(self.registry.listed, {})

    def test_ends_when_the_program_deregisters_the_instance_itself(self) -> None:
        instance_id = self.register()
        manager = self.start(instance_id)
        self.client.deregister("s", instance_id)
        manager._thread.join(10)  # type: ignore[union-attr]
        self.assertEqual((manager.is_running, self.registry.listed, manager.failures), (False, {}, 0))

    def test_does_not_register_again_what_is_being_stopped(self) -> None:
        asked, go_on = threading.Event(), threading.Event()

        def hold_the_second_registration(request: Received) -> Optional[Behaviour]:
            if request.method == "POST" and self.registry.bodies:
                asked.set()
                go_on.wait(10)
            return None

        manager = self.start(self.register())
        self.registry.instead = hold_the_second_registration
        self.registry.lose_everything()
        asked.wait(10)
        stopper = threading.Thread(target=manager.stop)
        stopper.start()
        go_on.set()
        stopper.join(10)
        self.assertEqual(self.registry.listed, {})
        self.assertEqual(self.registry.log[-1][0], "DELETE")

    def test_a_heartbeat_that_is_answered_after_the_stop_does_not_bring_the_instance_back(self) -> None:
        asked, go_on = threading.Event(), threading.Event()

        def hold_heartbeats(request: Received) -> Optional[Behaviour]:
            if request.method == "PUT":
                asked.set()
                go_on.wait(10)
            return None

        self.registry.heartbeat_interval = 5.0  # the limit of a heartbeat, which is held here
        instance_id = self.register()
        self.registry.instead = hold_heartbeats
        manager = self.start(instance_id, interval=5.0)
        manager._bell.put(None)
        manager._thread.join(10)  # type: ignore[union-attr]
        late = threading.Thread(target=manager._heart.beat, args=(20.0,))
        late.start()
        asked.wait(10)
        manager.stop()
        self.client._leases._deregistered.clear()  # as if so many others had been deregistered since
        go_on.set()
        late.join(10)
        self.assertEqual((self.registry.listed, self.registry.count("POST")), ({}, 1))

    def test_runs_once(self) -> None:
        manager = self.start(self.register())
        with self.assertRaises(ManifestError) as caught:
            manager.start()
        self.assertEqual(caught.exception.error_code, "already_started")

    def test_ends_when_its_client_is_closed(self) -> None:
        manager = self.start(self.register())
        self.client.close()
        manager._thread.join(10)  # type: ignore[union-attr]
        self.assertFalse(manager.is_running)
        manager.stop()

    @unittest.skipUnless(hasattr(os, "fork"), "this system cannot fork")
    def test_a_forked_child_leaves_the_instance_to_its_parent_unless_it_starts_anew(self) -> None:
        instance_id = self.register()
        manager = self.start(instance_id)

        def in_child() -> None:
            assert not manager.is_running
            manager.stop()
            assert self.client.get_instances("s"), "the child deregistered its parent's instance"

        def take_over() -> None:
            manager.start()
            assert manager.is_running
            deadline = time.monotonic() + 10
            while manager.heartbeats == beats:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            manager.stop()

        self.assertEqual(in_forked_child(in_child), 0)
        self.assertTrue(manager.is_running)
        manager.stop(deregister=False)
        beats = manager.heartbeats
        self.assertEqual(in_forked_child(take_over), 0)
        self.assertEqual(self.registry.listed, {})


class Asynchronous(Base):
    def run_with(self, use: Callable[[AsyncHeartbeatManager], Awaitable[None]], **options: Any) -> None:
        async def main() -> None:
            instance_id = await self.client.register_async("s", "1.0.0", {"CLI": "s"})
            manager = AsyncHeartbeatManager(self.client, "s", instance_id, **options)
            await manager.start()
            try:
                await asyncio.wait_for(use(manager), 20)
            finally:
                await manager.stop()

        asyncio.run(main())

    async def until(self, condition: Callable[[], bool]) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.registry.await_that, condition)

    def test_renews_until_it_is_stopped_and_then_deregisters(self) -> None:
        async def use(manager: AsyncHeartbeatManager) -> None:
            await self.until(lambda: manager.heartbeats >= 3)
            self.assertTrue(manager.is_running)
            await manager.stop()
            self.assertFalse(manager.is_running)
            self.assertEqual(self.registry.listed, {})

        self.run_with(use)
        self.assertEqual(self.registry.count("DELETE"), 1)

    def test_registers_again_and_tells_coroutine_functions(self) -> None:
        again: List[str] = []

        async def told(instance_id: str) -> None:
            await asyncio.sleep(0)
            again.append(instance_id)
            raise ValueError("the program's mistake")

        async def use(manager: AsyncHeartbeatManager) -> None:
            self.registry.lose_everything()
            await self.until(lambda: bool(again))
            beats = manager.heartbeats
            await self.until(lambda: manager.heartbeats > beats + 1)
            self.assertEqual(again, [manager.instance_id])

        self.run_with(use, on_reregistered=told)

    def test_stops_at_once_though_the_registry_is_silent(self) -> None:
        async def use(manager: AsyncHeartbeatManager) -> None:
            self.refuse_heartbeats(StaySilent())
            beats = self.registry.count("PUT")
            await self.until(lambda: len([1 for method, _ in self.registry.log if method == "PUT"]) > beats)
            began = time.monotonic()
            await manager.stop()
            self.assertLess(time.monotonic() - began, 3)
            self.assertEqual(self.registry.listed, {})

        self.run_with(use)

    def test_a_crowd_of_lookups_does_not_hold_up_heartbeats(self) -> None:
        answers_may_come = threading.Event()

        def hold_lookups(request: Received) -> Optional[Behaviour]:
            if request.method == "GET":
                answers_may_come.wait(10)
            return None

        async def use(manager: AsyncHeartbeatManager) -> None:
            self.registry.instead = hold_lookups
            lookups = [asyncio.ensure_future(self.client.get_instances_async("s")) for _ in range(40)]
            beats = manager.heartbeats
            await self.until(lambda: manager.heartbeats > beats + 2)
            self.assertFalse(any(each.done() for each in lookups))
            answers_may_come.set()
            await asyncio.gather(*lookups)

        self.run_with(use)

    def test_a_hook_may_stop_the_heartbeats(self) -> None:
        stopped = threading.Event()

        async def use(manager: AsyncHeartbeatManager) -> None:
            async def give_up(error: Exception, count: int) -> None:
                await manager.stop()
                stopped.set()

            manager._schedule._hooks = type(manager._schedule._hooks)(on_failure=give_up)
            self.refuse_heartbeats(refuse(500, "internal_error"))
            await self.until(stopped.is_set)
            self.assertEqual(self.registry.listed, {})

        self.run_with(use)


if __name__ == "__main__":
    unittest.main()
