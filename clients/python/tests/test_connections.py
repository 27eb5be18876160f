"""Connections are kept, replaced when they broke, and never left behind."""

import asyncio
import contextlib
import gc
import os
import socket
import threading
import time
import unittest
import warnings
from typing import Any, List
from unittest import mock

import support  # noqa: F401
from support.scripted_server import HangUp, Respond, ScriptedServer, StaySilent

from chora_manifest_client import ManifestClient, UnavailableError, connections, retries


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))


class Connections(unittest.TestCase):
    def start(self, *behaviours: Any, **options: Any) -> ManifestClient:
        self.server = ScriptedServer(*behaviours)
        self.addCleanup(self.server.stop)
        client = ManifestClient(self.server.url, **options)
        self.addCleanup(client.close)
        return client

    def used_connections(self) -> List[int]:
        return [request.connection for request in self.server.received]

    def test_one_connection_serves_many_requests(self) -> None:
        client = self.start(
            Respond(204), Respond(200, []), Respond(200, {}), Respond(503, {"status": "x"}), Respond(204)
        )
        client.heartbeat("s", "s-1")
        client.list_services()
        client.health()
        client.health()
        client.deregister("s", "s-1")
        self.assertEqual(self.used_connections(), [0, 0, 0, 0, 0])

    def test_a_chunked_answer_keeps_the_connection_too(self) -> None:
        chunked = b"2\r\n[]\r\n0\r\n\r\n"

        def answer_in_chunks(listener: socket.socket) -> None:
            connection, _ = listener.accept()
            with connection:
                for _ in range(2):
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked)
                connection.recv(1)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=answer_in_chunks, args=(listener,))
            thread.start()
            with ManifestClient(f"http://127.0.0.1:{listener.getsockname()[1]}", retries=0) as client:
                self.assertEqual([client.list_services(), client.list_services()], [[], []])
            thread.join()

    def test_a_connection_that_the_node_closed_is_replaced_without_a_retry(self) -> None:
        client = self.start(Respond(204), retries=0)
        client.heartbeat("s", "s-1")
        self.server.close_connections()
        client.heartbeat("s", "s-1")
        self.assertEqual(self.used_connections(), [0, 1])

    def test_a_kept_connection_that_breaks_under_a_request_is_replaced_without_a_retry(self) -> None:
        client = self.start(Respond(204), HangUp(), Respond(204), retries=0)
        client.heartbeat("s", "s-1")
        client.heartbeat("s", "s-1")
        self.assertEqual(self.used_connections(), [0, 0, 1])

    def test_a_connection_that_was_silent_for_long_is_not_trusted(self) -> None:
        client = self.start(Respond(204))
        client.heartbeat("s", "s-1")
        with mock.patch.object(connections, "MAX_IDLE_SECONDS", 0.0):
            client.heartbeat("s", "s-1")
        self.assertEqual(self.used_connections(), [0, 1])

    def test_a_node_that_wants_to_close_is_not_asked_on_the_same_connection(self) -> None:
        client = self.start(Respond(200, [], close_after=True))
        client.list_services()
        client.list_services()
        self.assertEqual(self.used_connections(), [0, 1])

    def test_an_answer_may_take_longer_than_a_connection_may(self) -> None:
        def take_time(_: Any) -> Respond:
            time.sleep(0.5)
            return Respond(200, [])

        client = self.start(take_time, retries=0, timeout=20.0)
        with mock.patch.object(retries, "_LONGEST_CONNECT_SECONDS", 0.2):
            self.assertEqual(client.list_services(), [])

    def test_a_connection_that_is_in_use_when_the_client_closes_is_closed_after_use(self) -> None:
        asked, go_on = threading.Event(), threading.Event()

        def wait(_: Any) -> Respond:
            asked.set()
            go_on.wait(10)
            return Respond(204)

        client = self.start(wait, timeout=20.0)
        thread = threading.Thread(target=client.heartbeat, args=("s", "s-1"))
        thread.start()
        asked.wait(10)
        client.close()
        go_on.set()
        thread.join()
        self.assertTrue(self.server.ended.wait(10), "the connection is still open")

    def test_a_node_that_trickles_cannot_hold_a_call_for_ever(self) -> None:
        end = threading.Event()

        def trickle(listener: socket.socket) -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                with contextlib.suppress(OSError):
                    while not end.wait(0.001):
                        connection.sendall(b" ")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=trickle, args=(listener,))
            thread.start()
            began = time.monotonic()
            with ManifestClient(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.6, retries=0) as client:
                with self.assertRaises(UnavailableError):
                    client.list_services()
            self.assertLess(time.monotonic() - began, 5)
            end.set()
            thread.join()

    def test_an_answer_without_end_is_cut_off(self) -> None:
        client = self.start(Respond(200, raw=b"[" + b" " * 5_000 + b"]"), retries=0)
        with mock.patch.object(connections, "MAX_ANSWER_BYTES", 1_000), self.assertRaises(UnavailableError):
            client.list_services()

    def test_threads_share_a_client_without_mixing_up_answers(self) -> None:
        def own_name(request: Any) -> Respond:
            return Respond(200, {"id": "x", "status": "up", "name": request.path.rpartition("/")[2]})

        client = self.start(own_name)
        wrong: List[Any] = []

        def look_up(name: str) -> None:
            for _ in range(20):
                found = client.get_service(name)["name"]
                if found != name:
                    wrong.append((name, found))

        threads = [threading.Thread(target=look_up, args=(f"service-{n}",)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(self.server.received), 320)

    @unittest.skipUnless(os.path.isdir("/dev/fd"), "this system does not list a process's open files")
    def test_no_socket_outlives_the_client(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            with ScriptedServer(Respond(204)) as good, ScriptedServer(HangUp()) as bad:
                with ScriptedServer(StaySilent()) as silent:
                    gc.collect()
                    before = open_descriptors()
                    client = ManifestClient([bad.url, silent.url, good.url], timeout=4.0)

                    def beat(client: ManifestClient = client) -> None:
                        with contextlib.suppress(UnavailableError):  # calls that fail must not leave anything either
                            client.heartbeat("s", "s-1")

                    threads = [threading.Thread(target=beat) for _ in range(30)]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()
                    client.close()
                    for server in (good, bad, silent):
                        server._stopped.set()
                        server.close_connections()
                    deadline = time.monotonic() + 5
                    while open_descriptors() > before and time.monotonic() < deadline:
                        time.sleep(0.01)
                    self.assertEqual(open_descriptors(), before)

    @unittest.skipUnless(hasattr(os, "fork"), "this system cannot fork")
    def test_a_forked_child_does_not_talk_on_its_parents_connections(self) -> None:
        client = self.start(Respond(204))
        client.heartbeat("s", "s-1")
        held = threading.Event()
        release = threading.Event()

        def hold_locks() -> None:
            with client._leases._lock, client._turns._lock, client._calls._lock:
                held.set()
                release.wait()

        # As if another thread were in the middle of a call at the moment of the fork.
        holder = threading.Thread(target=hold_locks)
        holder.start()
        held.wait()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                client.heartbeat("s", "s-1")
                client.deregister("s", "s-1")
                with ManifestClient(self.server.url) as another:
                    asyncio.run(another.heartbeat_async("s", "s-1"))
                os._exit(0)
            except BaseException:
                os._exit(1)
        release.set()
        holder.join()
        deadline = time.monotonic() + 10
        done, status = 0, -1
        while not done and time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.01)
        if not done:
            os.kill(child, 9)
            os.waitpid(child, 0)
        self.assertEqual((bool(done), status), (True, 0))
        client.heartbeat("s", "s-1")
        self.assertEqual(self.used_connections(), [0, 1, 1, 2, 0])


if __name__ == "__main__":
    unittest.main()
