"""Watching over nodes that end, break off, hang, refuse and forget."""

import os
import queue
import signal
import threading
import unittest
from typing import Any, List, Optional, Tuple
from unittest import mock

import support  # noqa: F401
from support.events import COMMENT, change, closed, current, event_text, marker
from support.fake_clock import FakeClock
from support.forking import in_forked_child
from support.scripted_server import HangUp, Respond, ScriptedServer, StaySilent, Stream, refuse, unused_url

from chora_manifest_client import (
    ManifestClient,
    ManifestError,
    UnauthorizedError,
    UnavailableError,
    ValidationError,
    Watch,
    event_stream,
)
from chora_manifest_client.retries import Clock

Told = Tuple[str, Optional[str], Optional[int]]


def take(watch: Watch, count: int) -> List[Told]:
    return [(event.type, event.id, event.revision) for _, event in zip(range(count), watch)]


class Base(unittest.TestCase):
    def serve(self, *behaviours: Any) -> ScriptedServer:
        server = ScriptedServer(*behaviours)
        self.addCleanup(server.stop)
        self.addCleanup(lambda: [each.end() for each in behaviours if isinstance(each, Stream)])
        return server

    def client(self, *urls: str, **settings: Any) -> ManifestClient:
        client = ManifestClient(urls, **settings)
        client._clock = Clock(random=lambda: 0.0)  # no waiting
        self.addCleanup(client.close)
        return client

    def asked(self, server: ScriptedServer) -> List[str]:
        return [each.path.partition("?")[2] for each in server.received]


class Events(Base):
    def test_tells_changes_with_their_records_and_revisions(self) -> None:
        server = self.serve(
            Stream(marker("progress", 4), COMMENT, change(5), change(6, "status", status="unhealthy", changed=["status"]))
            .send(change(8, "deregistered"))
        )  # fmt: skip
        with self.client(server.url).watch() as watch:
            self.assertEqual(watch.revision, None)
            events = [event for _, event in zip(range(3), watch)]
            self.assertEqual([each.type for each in events], ["registered", "status", "deregistered"])
            self.assertEqual([each.revision for each in events], [5, 6, 8])
            self.assertEqual((events[0].name, events[0].id), ("s", "s-1"))
            assert events[1].record is not None and events[2].record is not None
            self.assertEqual((events[1].record["status"], events[1].record["changed"]), ("unhealthy", ["status"]))
            self.assertEqual(events[2].record["status"], "down")
            self.assertTrue(all(each.is_change for each in events))
            self.assertEqual((watch.revision, watch.is_connected), (8, True))
        self.assertFalse(watch.is_connected)
        self.assertEqual(server.received[0].headers["accept"], "text/event-stream")

    def test_asks_with_every_filter(self) -> None:
        server = self.serve(Stream(marker("progress", 1)))
        client = self.client(server.url, auth_token="t0ken")
        with client.watch(
            service="s", name="s", status="up", tag=["a", "b"], dependency="d", environment="production",
            interface="REST", version="^1.2", metadata={"zone": 3, "new": True}, region="eu", owner="me", initial=True,
        ):  # fmt: skip
            pass
        self.assertEqual(
            self.asked(server),
            [
                "status=up&tag=a&tag=b&dependency=d&environment=production&interface=REST&version=%5E1.2&name=s&service=s"
                "&metadata.new=true&metadata.owner=me&metadata.region=eu&metadata.zone=3&initial=true"
            ],
        )
        self.assertEqual(server.received[0].headers["authorization"], "Bearer t0ken")

    def test_a_block_begins_when_the_watch_has(self) -> None:
        stream = Stream()
        client = self.client(self.serve(stream).url)
        entered = threading.Event()

        def enter() -> None:
            with client.watch():
                entered.set()

        thread = threading.Thread(target=enter)
        thread.start()
        self.assertTrue(stream.is_open.wait(10))
        self.assertFalse(entered.is_set())
        stream.send(marker("progress", 9))
        thread.join(10)
        self.assertTrue(entered.is_set())

    def test_kinds_of_events_that_a_later_registry_may_send_are_passed_over(self) -> None:
        stream = Stream(marker("progress", 4), event_text("promoted", {"x": 1}, 5), change(6))
        with self.client(self.serve(stream).url).watch() as watch:
            self.assertEqual(take(watch, 1), [("registered", "s-1", 6)])

    def test_wrong_arguments_are_named(self) -> None:
        client = self.client(unused_url())
        cases: List[Tuple[str, Any]] = [
            ("from_revision", -1), ("service", "A B"), ("patience", "5"), ("metadata", ["a"]), ("metadata.a", {"a": [1]}),
        ]  # fmt: skip
        for field, value in cases:
            with self.subTest(field), self.assertRaises(ValidationError) as caught:
                client.watch(**{field.partition(".")[0]: value})
            self.assertEqual(caught.exception.field, field)


class Resuming(Base):
    def test_goes_on_after_the_last_event_however_a_stream_ends(self) -> None:
        ends = {
            "its end": Stream().end(),
            "torn off": Stream(change(7)[:-5]).tear(),
            "a farewell": Stream(closed()),
            "a farewell of a broken node": Stream(closed("internal_error")),
            "what is no event": Stream("data: x\nevent: registered\n\n"),
            "a refusal for now": refuse(503, "service_unavailable", retryable=True),
            "too many watchers": refuse(429, "rate_limit_exceeded", retryable=True),
            "a proxy's page": Respond(200, raw=b"<html>"),
            "no answer": HangUp(),
        }
        for case, end in ends.items():
            with self.subTest(case):
                first = Stream(marker("progress", 4), change(5)).end()
                # What was heard before is not told again, should a node send it.
                server = self.serve(
                    first, end, Stream(change(5), change(6, id="s-2"), marker("progress", 9), change(10))
                )
                with self.client(server.url).watch() as watch:
                    told = take(watch, 3)
                self.assertEqual(told, [("registered", "s-1", 5), ("registered", "s-2", 6), ("registered", "s-1", 10)])
                self.assertEqual(self.asked(server), ["", "from=5", "from=5"])

    def test_a_quiet_watch_goes_on_where_progress_said(self) -> None:
        server = self.serve(Stream(marker("progress", 4), marker("progress", 40)).end(), Stream(change(41)))
        with self.client(server.url).watch() as watch:
            self.assertEqual(take(watch, 1), [("registered", "s-1", 41)])
        self.assertEqual(self.asked(server), ["", "from=40"])

    def test_goes_on_at_another_node(self) -> None:
        """Whichever node is asked tells the next change, and then ends."""
        next_revision = iter(range(5, 100))

        def tell(_: Any) -> Stream:
            return Stream(change(next(next_revision))).end()

        nodes = [self.serve(tell) for _ in range(3)]
        with self.client(*(node.url for node in nodes)).watch(from_revision=4) as watch:
            self.assertEqual([told[2] for told in take(watch, 6)], list(range(5, 11)))
        asked = sorted(query for node in nodes for query in self.asked(node)[:2])
        self.assertEqual(asked, sorted(f"from={revision}" for revision in range(4, 10)))

    def test_a_state_is_told_whole_and_begins_anew_where_it_was_cut_short(self) -> None:
        server = self.serve(
            Stream(current("s-1"), current("s-2")).tear(),
            Stream(current("s-2"), current("s-3"), marker("synced", 9), change(10)).end(),
            Stream(change(11)),
        )
        with self.client(server.url).watch(initial=True) as watch:
            self.assertEqual(
                take(watch, 5),
                [
                    ("current", "s-2", None),
                    ("current", "s-3", None),
                    ("synced", None, 9),
                    ("registered", "s-1", 10),
                    ("registered", "s-1", 11),
                ],
            )
        self.assertEqual(self.asked(server), ["initial=true", "initial=true", "from=10"])

    def test_what_is_no_longer_known_is_told_as_compacted_with_the_whole_state(self) -> None:
        server = self.serve(
            Stream(marker("compacted", 50), current("s-1")).tear(),
            # Of another life of the registry, whose revisions are lower.
            Stream(marker("compacted", 3), current("s-2"), marker("synced", 3), change(4)).end(),
            Stream(change(5)),
        )
        with self.client(server.url).watch(from_revision=40) as watch:
            self.assertEqual(take(watch, 1), [("compacted", None, 3)])
            self.assertEqual(watch.revision, 40, "whoever begins again here needs the state again")
            self.assertEqual(take(watch, 2), [("current", "s-2", None), ("synced", None, 3)])
            self.assertEqual(watch.revision, 3)
            self.assertEqual(take(watch, 2), [("registered", "s-1", 4), ("registered", "s-1", 5)])
        self.assertEqual(self.asked(server), ["from=40", "from=40", "from=4"])

    def test_a_node_that_falls_silent_is_left(self) -> None:
        with mock.patch.object(event_stream, "SILENCE_SECONDS", 0.2):
            server = self.serve(Stream(marker("progress", 4), change(5)), Stream(change(6)))
            with self.client(server.url).watch() as watch:
                self.assertEqual([told[2] for told in take(watch, 2)], [5, 6])
        self.assertEqual(event_stream.SILENCE_SECONDS, 40)

    def test_a_node_that_does_not_answer_is_left(self) -> None:
        server = self.serve(StaySilent(), Stream(change(6)))
        with self.client(server.url, timeout=0.2).watch(from_revision=5) as watch:
            self.assertEqual(take(watch, 1), [("registered", "s-1", 6)])

    def test_waits_longer_after_each_failure_and_begins_at_the_front_after_a_good_stream(self) -> None:
        time = FakeClock(chance=1.0)
        client = self.client(unused_url())
        client._clock = time.clock
        reconnects = client.watch()._reconnects
        endpoint = reconnects.next_endpoint()
        self.assertEqual([reconnects.failed(endpoint, None) for _ in range(7)], [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
        reconnects.begun(endpoint)
        self.assertEqual(reconnects.failed(endpoint, None), 5.0, "a stream that ends at once is one more failure")
        reconnects.begun(endpoint)
        time.now += 6
        self.assertEqual(reconnects.failed(endpoint, None), 0.2)
        self.assertEqual(reconnects.failed(endpoint, 3.0), 3.0, "a node that asks to be left alone is")

    def test_patience_ends_only_when_every_node_was_tried(self) -> None:
        urls = [unused_url(), unused_url()]
        with self.assertRaises(UnavailableError) as caught:
            next(self.client(*urls).watch(patience=0))
        self.assertIn("cannot connect", caught.exception.message)
        server = self.serve(Stream(change(6)))
        for _ in range(4):
            watch = self.client(unused_url(), server.url).watch(from_revision=5, patience=0)
            self.assertEqual(next(watch).revision, 6)
            watch.close()
            server._behaviours = [Stream(change(6))]

    def test_a_refusal_is_raised_and_ends_the_watch(self) -> None:
        page = Respond(200, raw=b"<html>")
        cases: List[Tuple[Any, Any]] = [
            (refuse(400, "invalid_parameter", field="status"), ValidationError),
            (refuse(401, "unauthorized"), UnauthorizedError),
            (refuse(404, "not_found"), ManifestError),
            (page, ManifestError),
        ]
        for answer, kind in cases:
            with self.subTest(kind):
                watch = self.client(self.serve(answer).url).watch()
                with self.assertRaises(kind):
                    next(watch)
                self.assertEqual(list(watch), [])


class Ending(Base):
    def test_closing_wakes_whoever_waits_for_an_event(self) -> None:
        for what in ("the watch", "the client"):
            with self.subTest(what):
                stream = Stream(marker("progress", 4))
                client = self.client(self.serve(stream).url)
                watch = client.watch()
                ended: "queue.SimpleQueue[List[Any]]" = queue.SimpleQueue()
                thread = threading.Thread(target=lambda: ended.put(list(watch)))
                thread.start()
                self.assertTrue(stream.is_open.wait(10))
                watch.close() if what == "the watch" else client.close()
                self.assertEqual(ended.get(timeout=10), [])
                thread.join(10)

    def test_closing_wakes_whoever_waits_for_a_node(self) -> None:
        client = self.client(unused_url())
        client._clock = Clock(random=lambda: 1_000.0)
        watch = client.watch()
        ended: "queue.SimpleQueue[List[Any]]" = queue.SimpleQueue()
        with self.assertLogs("chora_manifest_client", "INFO"):
            thread = threading.Thread(target=lambda: ended.put(list(watch)))
            thread.start()
            while not watch._reconnects.failures:
                thread.join(0.001)
        watch.close()
        self.assertEqual(ended.get(timeout=10), [])

    def test_leaving_the_block_and_dropping_the_watch_close_the_connection(self) -> None:
        for drop in (False, True):
            with self.subTest(drop):
                stream = Stream(marker("progress", 4), change(5))
                server = self.serve(stream)
                watch: Any = self.client(server.url).watch()
                next(watch)
                if drop:
                    del watch
                else:
                    with watch:
                        pass
                stream.end()
                self.assertTrue(server.ended.wait(10))

    @unittest.skipUnless(hasattr(signal, "pthread_kill"), "this system sends no signals to threads")
    def test_a_signal_that_raises_loses_no_event(self) -> None:
        streams = [Stream(marker("progress", 4), change(5)), Stream(change(6))]
        server = self.serve(*streams)

        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGUSR1, interrupt)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        main = threading.main_thread().ident
        with self.client(server.url).watch() as watch:
            self.assertEqual(take(watch, 1), [("registered", "s-1", 5)])
            kicker = threading.Timer(0.05, lambda: signal.pthread_kill(main, signal.SIGUSR1))  # type: ignore[arg-type]
            kicker.start()
            with self.assertRaises(KeyboardInterrupt):
                next(watch)
            self.assertEqual(take(watch, 1), [("registered", "s-1", 6)])
        self.assertEqual(self.asked(server), ["", "from=5"])

    @unittest.skipUnless(hasattr(signal, "pthread_kill"), "this system sends no signals to threads")
    def test_a_handler_may_end_the_watch_that_it_interrupts(self) -> None:
        stream = Stream(marker("progress", 4), change(5))
        client = self.client(self.serve(stream).url)
        watch = client.watch()
        before = signal.signal(signal.SIGUSR1, lambda *_: watch.close())
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        self.assertEqual(next(watch).revision, 5)
        main = threading.main_thread().ident
        kicker = threading.Timer(0.05, lambda: signal.pthread_kill(main, signal.SIGUSR1))  # type: ignore[arg-type]
        kicker.start()
        self.assertEqual(list(watch), [])

    @unittest.skipUnless(hasattr(os, "fork"), "this system cannot fork")
    def test_a_forked_child_goes_on_with_a_connection_of_its_own_and_leaves_the_parents_alone(self) -> None:
        parents, childs = Stream(marker("progress", 4), change(5)), Stream(change(6, id="child"))
        server = self.serve(parents, childs)
        with self.client(server.url).watch() as watch:
            self.assertEqual(take(watch, 1), [("registered", "s-1", 5)])

            def child() -> None:
                self.assertEqual(take(watch, 1), [("registered", "child", 6)])
                watch.close()

            self.assertEqual(in_forked_child(child), 0)
            parents.send(change(6, id="parent"))
            self.assertEqual(take(watch, 1), [("registered", "parent", 6)])
        self.assertEqual(self.asked(server), ["", "from=5"])


if __name__ == "__main__":
    unittest.main()
