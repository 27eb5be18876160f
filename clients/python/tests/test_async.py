"""The twins for asyncio."""

import asyncio
import contextvars
import inspect
import threading
import unittest
from typing import Any, Callable, Dict, Tuple

import support  # noqa: F401
from support.records import record
from support.scripted_server import Respond, ScriptedServer, refuse

from chora_manifest_client import ManifestClient, ServiceNotFoundError

CALLS = ["register", "heartbeat", "deregister", "get_service", "get_instances", "list_services", "health"]


class Twins(unittest.TestCase):
    def run_with(self, use: Callable[[ManifestClient], Any], *behaviours: Any) -> ScriptedServer:
        server = ScriptedServer(*behaviours)
        self.addCleanup(server.stop)

        async def main() -> None:
            async with ManifestClient(server.url) as client:
                await use(client)

        asyncio.run(main())
        return server

    def test_every_call_has_a_twin_with_the_same_arguments(self) -> None:
        for name in CALLS:
            with self.subTest(name):
                call, twin = getattr(ManifestClient, name), getattr(ManifestClient, f"{name}_async")
                self.assertTrue(inspect.iscoroutinefunction(twin))
                self.assertEqual(inspect.signature(call), inspect.signature(twin))

    def test_a_twin_sends_what_its_call_sends(self) -> None:
        arguments: Dict[str, Tuple[Tuple[Any, ...], Dict[str, Any]]] = {
            "register": (
                ("s", "1.0.0", {"CLI": "s"}, {"tags": ["a"]}),
                {"instance_id": "s-1", "ttl": {"remove_after": 9}},
            ),
            "heartbeat": (("s", "s-1", 3), {}),
            "deregister": (("s", "s-1"), {}),
            "get_service": (("s",), {"consistency": "stale"}),
            "get_instances": (
                ("s",),
                dict(
                    status="up",
                    tag="t",
                    environment="production",
                    dependency="d",
                    interface="REST",
                    consistency="stale",
                ),
            ),
            "list_services": (
                (),
                dict(
                    status="up",
                    tag=["t", "u"],
                    dependency="d",
                    environment="production",
                    interface="REST",
                    name="n",
                    limit=3,
                    offset=2,
                    consistency="stale",
                ),
            ),
            "health": ((), {}),
        }
        self.assertEqual(sorted(arguments), sorted(CALLS))

        def answer(request: Any) -> Respond:
            return Respond(200, [record()] if request.method == "GET" else {})

        for name, (positional, named) in arguments.items():
            with self.subTest(name):

                async def both(client: ManifestClient) -> None:
                    plain = getattr(client, name)(*positional, **named)
                    self.assertEqual(await getattr(client, f"{name}_async")(*positional, **named), plain)

                one, two = self.run_with(both, answer).received
                self.assertEqual((one.method, one.path, one.body), (two.method, two.path, two.body))

    def test_errors_come_through(self) -> None:
        async def use(client: ManifestClient) -> None:
            with self.assertRaises(ServiceNotFoundError):
                await client.get_service_async("s")

        self.run_with(use, refuse(404, "service_not_found"))

    def test_neither_the_event_loop_nor_its_executor_waits_for_the_registry(self) -> None:
        answers_may_come = threading.Event()

        def answer_later(_: Any) -> Respond:
            answers_may_come.wait(10)
            return Respond(204)

        async def use(client: ManifestClient) -> None:
            loop = asyncio.get_running_loop()
            calls = [asyncio.ensure_future(client.heartbeat_async("s", f"s-{n}")) for n in range(40)]
            await asyncio.sleep(0)
            await asyncio.wait_for(loop.run_in_executor(None, lambda: None), 5)
            self.assertFalse(any(call.done() for call in calls))
            answers_may_come.set()
            await asyncio.gather(*calls)

        self.assertEqual(len(self.run_with(use, answer_later).received), 40)

    def test_context_variables_go_along(self) -> None:
        trace: "contextvars.ContextVar[str]" = contextvars.ContextVar("trace")

        async def use(client: ManifestClient) -> None:
            trace.set("t-1")
            self.assertEqual(await client._in_thread(trace.get), "t-1")

        self.run_with(use)

    def test_a_client_serves_one_event_loop_after_another(self) -> None:
        with ScriptedServer(Respond(204)) as server, ManifestClient(server.url) as client:
            for _ in range(2):
                asyncio.run(client.heartbeat_async("s", "s-1"))
            self.assertEqual(len(server.received), 2)


if __name__ == "__main__":
    unittest.main()
