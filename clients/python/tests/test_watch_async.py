"""Watching from asyncio."""

import asyncio
import unittest
from typing import Any, List
from unittest import mock

import support  # noqa: F401
from support.events import change, current, marker
from support.scripted_server import ScriptedServer, Stream, refuse

from chora_manifest_client import AsyncWatch, ManifestClient, UnauthorizedError, watch_async
from chora_manifest_client.retries import Clock


class Async(unittest.TestCase):
    def client(self, *behaviours: Any) -> ManifestClient:
        server = ScriptedServer(*behaviours)
        self.addCleanup(server.stop)
        self.addCleanup(lambda: [each.end() for each in behaviours if isinstance(each, Stream)])
        client = ManifestClient(server.url)
        client._clock = Clock(random=lambda: 0.0)  # no waiting
        self.addCleanup(client.close)
        return client

    def test_tells_the_same_events_over_broken_streams(self) -> None:
        client = self.client(
            Stream(current("s-1"), marker("synced", 4), change(5, id="s-2")).tear(), Stream(change(6, "expired"))
        )

        async def main() -> None:
            told: List[Any] = []
            async with client.watch_async(initial=True) as events:
                async for event in events:
                    told.append((event.type, event.id))
                    if event.type == "expired":
                        break
                self.assertEqual(events.revision, 6)
            self.assertEqual(
                told, [("current", "s-1"), ("synced", None), ("registered", "s-2"), ("expired", "s-1")]
            )  # fmt: skip
            self.assertEqual([event async for event in events], [])

        asyncio.run(main())

    def test_a_wait_that_was_cancelled_loses_no_event(self) -> None:
        stream = Stream(marker("progress", 4))
        client = self.client(stream)

        async def main() -> None:
            async with client.watch_async() as events:
                for revision in (5, 6, 7):
                    waiting = asyncio.ensure_future(events.__anext__())
                    await asyncio.sleep(0)
                    waiting.cancel()
                    with self.assertRaises(asyncio.CancelledError):
                        await waiting
                    stream.send(change(revision))
                    self.assertEqual((await events.__anext__()).revision, revision)

        asyncio.run(main())

    def test_closing_the_watch_or_its_client_ends_the_loop_that_waits(self) -> None:
        async def main(what: str) -> None:
            client = self.client(Stream(marker("progress", 4)))
            async with client.watch_async() as events:
                waiting = asyncio.ensure_future(events.__anext__())
                await asyncio.sleep(0)
                events.close() if what == "watch" else client.close()
                with self.assertRaises(StopAsyncIteration):
                    await waiting

        for what in ("watch", "client"):
            with self.subTest(what):
                asyncio.run(main(what))

    def test_a_refusal_is_raised(self) -> None:
        async def main() -> None:
            with self.assertRaises(UnauthorizedError):
                async with self.client(refuse(401, "unauthorized")).watch_async():
                    pass
            with self.assertRaises(UnauthorizedError):
                await self.client(refuse(401, "unauthorized")).watch_async().__anext__()

        asyncio.run(main())

    def test_a_task_that_does_not_take_its_events_stops_the_thread_and_loses_none(self) -> None:
        stream = Stream(marker("progress", 0), *(change(revision) for revision in range(1, 41)))
        client = self.client(stream)

        async def main() -> None:
            async with client.watch_async() as events:
                reader = events._reader
                while not reader._is_full:
                    await asyncio.sleep(0)
                self.assertEqual(len(reader.ready), 5)
                self.assertEqual([(await events.__anext__()).revision for _ in range(40)], list(range(1, 41)))

        with mock.patch.object(watch_async, "_READY_AT_MOST", 5):
            asyncio.run(main())

    def test_a_watch_that_nobody_holds_any_more_ends_its_thread(self) -> None:
        client = self.client(Stream(marker("progress", 4), change(5)))

        async def main() -> Any:
            events: AsyncWatch = client.watch_async()
            await events.__anext__()
            return events._reader._thread

        thread = asyncio.run(main())
        thread.join(10)
        self.assertFalse(thread.is_alive())


if __name__ == "__main__":
    unittest.main()
