"""Limits that hold whatever a node or a name server does, and calls from signal handlers in the middle of other calls."""

import asyncio
import contextlib
import socket
import sys
import threading
import time
import unittest
from pathlib import Path
from types import FrameType
from typing import Any, Iterator, List, Optional
from unittest import mock

import support  # noqa: F401
from support.scripted_server import HangUp, Respond, ScriptedServer

from chora_manifest_client import ManifestClient, ManifestError, OutcomeUnknownError, UnavailableError, ValidationError

PACKAGE = str(support.PROJECT / "src" / "chora_manifest_client")


@contextlib.contextmanager
def listener_that(answer: Any) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


class Deadlines(unittest.TestCase):
    def test_a_node_that_trickles_its_headers_cannot_hold_a_call_for_ever(self) -> None:
        end = threading.Event()

        def trickle(listener: socket.socket) -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not end.wait(0.001):
                    connection.sendall(b"x")

        with listener_that(trickle) as url, ManifestClient(url, timeout=0.4, retries=0) as client:
            began = time.monotonic()
            with self.assertRaises(UnavailableError):
                client.list_services()
            took_seconds = time.monotonic() - began
            end.set()
        self.assertLess(took_seconds, 5)

    def test_a_name_server_that_is_silent_cannot_hold_a_call_for_ever(self) -> None:
        answer = threading.Event()
        lookups: List[str] = []
        really = socket.getaddrinfo

        def look_up(host: str, port: int, *rest: Any, flags: int = 0, **more: Any) -> Any:
            if flags & socket.AI_NUMERICHOST:
                raise socket.gaierror(socket.EAI_NONAME, "not a number")
            lookups.append(host)
            answer.wait(10)
            return really("127.0.0.1", port, *rest, **more)

        with ScriptedServer(Respond(204)) as server, mock.patch.object(socket, "getaddrinfo", look_up):
            with ManifestClient(f"http://slow.test:{server.port}", timeout=0.2, retries=0) as client:
                for _ in range(2):
                    with self.assertRaisesRegex(UnavailableError, "slow.test"):
                        client.heartbeat("s", "s-1")
                self.assertEqual(lookups, ["slow.test"], "those who ask again wait for the same lookup")
                answer.set()
                patient = ManifestClient(f"http://slow.test:{server.port}", timeout=10)
                patient.heartbeat("s", "s-1")
                patient.close()

    def test_a_name_that_cannot_be_looked_up_is_named(self) -> None:
        for host in ["no-such-host.invalid", "a" * 70]:
            with self.subTest(host), ManifestClient(f"http://{host}:1", retries=0) as client:
                with self.assertRaisesRegex(UnavailableError, host):
                    client.list_services()

    def test_a_lookup_runs_in_the_caller_where_no_thread_can_start_any_more(self) -> None:
        really = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "manifest-lookup":
                raise RuntimeError("can't create new thread at interpreter shutdown")
            really(thread)

        with ScriptedServer(Respond(204)) as server, mock.patch.object(threading.Thread, "start", refuse):
            client = ManifestClient(f"http://localhost:{server.port}")
            client.heartbeat("s", "s-1")
            client.close()

    def test_an_address_that_does_not_answer_leaves_time_for_the_next(self) -> None:
        with ScriptedServer(Respond(204)) as server, contextlib.ExitStack() as stack:
            # A listener whose backlog is full does not answer: it neither accepts nor refuses.
            full = stack.enter_context(socket.socket())
            full.bind(("127.0.0.2", server.port))
            full.listen(0)
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.2", server.port))
            both = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, server.port)) for host in ("127.0.0.2", "127.0.0.1")
            ]
            with mock.patch.object(socket, "getaddrinfo", lambda *_, **__: both):
                with ManifestClient(f"http://two.test:{server.port}", timeout=1.0, retries=0) as client:
                    client.heartbeat("s", "s-1")

    def test_urls_that_no_request_can_carry_are_refused(self) -> None:
        for url in ["http://h/a b", "http://h/\u00e9", "http://h\u00e9", "http://h:0", "http://h\x00"]:
            with self.subTest(url), self.assertRaises(ValidationError) as caught:
                ManifestClient(url)
            self.assertEqual(caught.exception.field, "manifest_url")
        with self.assertRaises(ValidationError):
            ManifestClient([])


class Messages(unittest.TestCase):
    def test_a_failure_of_all_nodes_tells_what_each_said(self) -> None:
        with ScriptedServer(HangUp()) as one, ScriptedServer(Respond(502, raw=b"<html>")) as two:
            with ManifestClient([one.url, two.url], retries=0) as client, self.assertRaises(UnavailableError) as caught:
                client.list_services()
        for expected in [one.url, "closed the connection", two.url, "HTTP 502"]:
            self.assertIn(expected, caught.exception.message)

    def test_a_registration_of_unknown_outcome_tells_the_id_that_it_may_have_listed(self) -> None:
        with ScriptedServer(HangUp()) as server, ManifestClient(server.url, retries=0) as client:
            with self.assertRaises(OutcomeUnknownError) as caught:
                client.register("s", "1.0.0", {"CLI": "s"})
            self.assertEqual(caught.exception.details["instance_id"], server.received[0].json["id"])

    def test_a_closed_client_says_so_to_asyncio_too(self) -> None:
        client = ManifestClient("http://127.0.0.1:1")
        client.close()
        with self.assertRaises(ManifestError) as caught:
            asyncio.run(client.heartbeat_async("s", "s-1"))
        self.assertEqual(caught.exception.error_code, "client_closed")


class SignalHandlers(unittest.TestCase):
    def test_a_handler_may_deregister_at_every_line_of_another_call(self) -> None:
        """The tracer stands for the handler: it runs on the same thread, between any two lines of the package."""
        lines = 0
        problems: List[BaseException] = []
        finished = threading.Event()

        def run(client: ManifestClient) -> None:
            nonlocal lines

            def interrupt(frame: FrameType, event: str, _: Any) -> Optional[Any]:
                nonlocal lines
                if Path(frame.f_code.co_filename).parent != Path(PACKAGE):
                    return None
                if event == "line":
                    lines += 1
                    client.deregister("s", "s-1")
                return interrupt

            sys.settrace(interrupt)
            try:
                client.register("s", "1.0.0", {"CLI": "s"}, instance_id="s-1")
                client.get_service("s")
                client.heartbeat("s", "s-1")
            except BaseException as problem:
                problems.append(problem)
            finally:
                sys.settrace(None)
                finished.set()

        record = {"id": "s-1", "name": "s", "status": "up"}
        with ScriptedServer(lambda request: Respond(200, record) if request.method == "GET" else Respond(204)) as server:
            with ManifestClient(server.url, timeout=20) as client:
                thread = threading.Thread(target=run, args=(client,), daemon=True)
                thread.start()
                self.assertTrue(finished.wait(30), "the handler waits for the call that it interrupted")
        self.assertEqual(problems, [])
        self.assertGreater(lines, 100)


if __name__ == "__main__":
    unittest.main()
