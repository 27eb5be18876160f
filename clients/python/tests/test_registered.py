"""Blocks during which an instance is listed, and all the ways in which such a block ends."""

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
import unittest
from typing import Any, List, Optional
from unittest import mock

import support
from support.fake_registry import FakeRegistry
from support.scripted_server import Behaviour, Received, refuse

from chora_manifest_client import ManifestClient, ManifestError, OutcomeUnknownError, ValidationError

PRELUDE = """
import asyncio, atexit, os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from chora_manifest_client import ManifestClient
client = ManifestClient(sys.argv[2].replace("127.0.0.1", "localhost"))  # a name, to be looked up
def say(text):
    os.write(1, (text + "\\n").encode())
async def serve_async():
    async with client.registered_async("s", "1.0.0", {"CLI": "s"}, handle_signals=True):
        say("ready")
        await asyncio.sleep(30)
"""


class Base(unittest.TestCase):
    def setUp(self) -> None:
        self.registry = FakeRegistry()
        self.addCleanup(self.registry.stop)
        self.client = ManifestClient(self.registry.url, retries=0)
        self.addCleanup(self.client.close)


class Blocks(Base):
    def test_the_instance_is_listed_and_renewed_while_the_block_runs(self) -> None:
        with self.client.registered("s", "1.0.0", {"CLI": "s"}, {"tags": ["a"]}) as instance:
            self.assertEqual(list(self.registry.listed), [(instance.name, instance.id)])
            self.assertEqual(self.registry.bodies[0]["metadata"], {"tags": ["a"]})
            self.registry.await_that(lambda: instance.manager.heartbeats >= 2)
        self.assertEqual(self.registry.listed, {})

    def test_an_exception_goes_through_and_the_instance_is_deregistered(self) -> None:
        with self.assertRaises(KeyError):
            with self.client.registered("s", "1.0.0", {"CLI": "s"}):
                raise KeyError("x")
        self.assertEqual(self.registry.listed, {})

    def test_a_deregistration_that_fails_does_not_hide_what_happened_in_the_block(self) -> None:
        with self.assertRaises(KeyError):
            with self.client.registered("s", "1.0.0", {"CLI": "s"}):
                self.registry.instead = lambda _: refuse(503, "service_unavailable", retryable=True)
                raise KeyError("x")

    def test_an_instance_that_cannot_be_registered_never_enters_the_block(self) -> None:
        self.registry.instead = lambda _: refuse(504, "outcome_unknown", retryable=True)
        with self.assertRaises(OutcomeUnknownError):
            with self.client.registered("s", "1.0.0", {"CLI": "s"}):
                self.fail("the block ran")

    def test_wrong_arguments_are_refused_before_anything_is_sent(self) -> None:
        with self.assertRaises(ValidationError):
            self.client.registered("s", "1.0.0", {})
        with self.assertRaises(ValidationError):
            self.client.registered("s", "1.0.0", {"CLI": "s"}, interval=-1)
        self.assertEqual(self.registry.log, [])

    def test_an_instance_whose_heartbeats_cannot_start_is_deregistered(self) -> None:
        really = threading.Thread.start

        def refuse_heartbeats(thread: threading.Thread) -> None:
            if thread.name.startswith("heartbeat"):
                raise RuntimeError("can't start new thread")
            really(thread)

        with mock.patch.object(threading.Thread, "start", refuse_heartbeats), self.assertRaises(RuntimeError):
            self.client.registered("s", "1.0.0", {"CLI": "s"}).__enter__()
        self.assertEqual((self.registry.listed, self.registry.count("DELETE")), ({}, 1))

    def test_both_forms_take_the_same_arguments(self) -> None:
        forms = [inspect.signature(form).parameters for form in (ManifestClient.registered, ManifestClient.registered_async)]
        self.assertEqual(*forms)

    def test_the_asynchronous_form_does_the_same(self) -> None:
        async def main() -> None:
            async with self.client.registered_async("s", "1.0.0", {"CLI": "s"}) as instance:
                self.assertEqual(list(self.registry.listed), [("s", instance.id)])
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(None, self.registry.await_count, "PUT", 2)
            self.assertEqual(self.registry.listed, {})
            with self.assertRaises(KeyError):
                async with self.client.registered_async("s", "1.0.0", {"CLI": "s"}):
                    raise KeyError("x")
            self.assertEqual(self.registry.listed, {})

        asyncio.run(main())

    def test_a_task_that_is_cancelled_in_the_block_deregisters(self) -> None:
        async def main() -> None:
            entered = asyncio.Event()

            async def serve() -> None:
                async with self.client.registered_async("s", "1.0.0", {"CLI": "s"}):
                    entered.set()
                    await asyncio.sleep(30)

            task = asyncio.ensure_future(serve())
            await asyncio.wait_for(entered.wait(), 10)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertEqual((self.registry.listed, self.registry.count("DELETE")), ({}, 1))

        asyncio.run(main())

    def test_a_task_that_is_cancelled_while_it_registers_leaves_nothing_behind(self) -> None:
        asked, go_on = threading.Event(), threading.Event()

        def hold(request: Received) -> Optional[Behaviour]:
            if request.method == "POST":
                asked.set()
                go_on.wait(10)
            return None

        self.registry.instead = hold

        async def main() -> None:
            instance = self.client.registered_async("s", "1.0.0", {"CLI": "s"})
            task = asyncio.ensure_future(instance.__aenter__())
            await asyncio.get_running_loop().run_in_executor(None, asked.wait, 10)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            go_on.set()
            await asyncio.get_running_loop().run_in_executor(None, self.registry.await_count, "DELETE", 1)

        asyncio.run(main())
        self.assertEqual(self.registry.listed, {})


class Signals(Base):
    def setUp(self) -> None:
        super().setUp()
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def test_a_signal_deregisters_first_and_then_reaches_the_handler_before(self) -> None:
        listed: List[int] = []
        signal.signal(signal.SIGTERM, lambda *_: listed.append(len(self.registry.listed)))
        with self.client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True):
            signal.raise_signal(signal.SIGTERM)
            self.assertEqual(listed, [0])
        self.assertEqual(self.registry.count("DELETE"), 1)

    def test_handlers_are_put_back_unless_the_program_set_others_meanwhile(self) -> None:
        calls: List[str] = []

        def before(*_: Any) -> None:
            calls.append("before")

        signal.signal(signal.SIGTERM, before)
        with self.client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True):
            ours: Any = signal.getsignal(signal.SIGTERM)

            def later(number: int, frame: Any) -> None:
                calls.append("later")
                ours(number, frame)

            signal.signal(signal.SIGTERM, later)
        self.assertIs(signal.getsignal(signal.SIGTERM), later)
        signal.raise_signal(signal.SIGTERM)
        self.assertEqual(calls, ["later", "before"])
        signal.signal(signal.SIGTERM, before)
        with self.client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True):
            self.assertIsNot(signal.getsignal(signal.SIGTERM), before)
        self.assertIs(signal.getsignal(signal.SIGTERM), before)

    def test_several_instances_are_all_deregistered(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: None)
        with self.client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True):
            with self.client.registered("t", "1.0.0", {"CLI": "t"}, handle_signals=True):
                signal.raise_signal(signal.SIGTERM)
                self.assertEqual(self.registry.listed, {})

    def test_an_ignored_signal_stays_ignored(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with self.client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True):
            signal.raise_signal(signal.SIGTERM)
            self.assertEqual(len(self.registry.listed), 1)

    def test_signals_are_left_alone_unless_asked_for(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        with self.client.registered("s", "1.0.0", {"CLI": "s"}):
            self.assertIs(signal.getsignal(signal.SIGTERM), before)

    def test_another_thread_is_told_that_it_cannot_handle_signals(self) -> None:
        errors: List[ManifestError] = []

        def enter() -> None:
            try:
                self.client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True)
            except ManifestError as error:
                errors.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        self.assertEqual(([each.field for each in errors], self.registry.log), (["handle_signals"], []))


class Programs(Base):
    def start(self, program: str) -> "subprocess.Popen[str]":
        arguments = [sys.executable, "-B", "-c", PRELUDE + program, str(support.PROJECT / "src"), self.registry.url]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def outcome(self, process: "subprocess.Popen[str]") -> int:
        _, complaints = process.communicate(timeout=20)
        self.complaints = complaints
        return process.returncode

    def signalled(self, program: str, number: int) -> int:
        process = self.start(program)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.assertEqual(len(self.registry.listed), 1)
        process.send_signal(number)
        return self.outcome(process)

    def test_a_program_that_is_terminated_deregisters_and_dies_by_the_signal(self) -> None:
        program = """
with client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True):
    say("ready")
    time.sleep(30)
"""
        self.assertEqual(self.signalled(program, signal.SIGTERM), -signal.SIGTERM)
        self.assertEqual((self.registry.listed, self.complaints), ({}, ""))

    def test_a_program_that_is_interrupted_deregisters_and_sees_the_interrupt(self) -> None:
        program = """
try:
    with client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True):
        say("ready")
        time.sleep(30)
except KeyboardInterrupt:
    sys.exit(7)
"""
        self.assertEqual(self.signalled(program, signal.SIGINT), 7)
        self.assertEqual(self.registry.listed, {})

    def test_an_event_loop_is_ended_by_signals_as_ever_and_deregisters(self) -> None:
        self.assertEqual(self.signalled("asyncio.run(serve_async())", signal.SIGTERM), -signal.SIGTERM)
        self.assertEqual(self.registry.listed, {})
        program = """
try:
    asyncio.run(serve_async())
except KeyboardInterrupt:
    sys.exit(7)
"""
        self.assertEqual(self.signalled(program, signal.SIGINT), 7)
        self.assertEqual(self.registry.listed, {})

    def test_a_program_that_ends_within_the_block_of_another_thread_deregisters(self) -> None:
        program = """
import threading
entered = threading.Event()
def serve():
    with client.registered("s", "1.0.0", {"CLI": "s"}):
        entered.set()
        time.sleep(30)
threading.Thread(target=serve, daemon=True).start()
entered.wait(10)
client._transport._pool.forget_after_fork()  # the connections are gone: one must be opened while the interpreter ends
"""
        process = self.start(program)
        self.assertEqual(self.outcome(process), 0, self.complaints)
        self.assertEqual((self.registry.listed, self.complaints), ({}, ""))
        self.assertEqual(self.registry.count("DELETE"), 1)

    @unittest.skipUnless(hasattr(os, "fork"), "this system cannot fork")
    def test_a_forked_child_that_leaves_the_block_or_is_terminated_deregisters_nothing(self) -> None:
        program = """
import warnings
warnings.simplefilter("ignore")
with client.registered("s", "1.0.0", {"CLI": "s"}, handle_signals=True) as instance:
    if os.fork() == 0:
        sys.exit(0)
    os.wait()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"x")  # Python forgets signals that come before this
        time.sleep(30)
        os._exit(1)
    os.read(reading, 1)
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM, status
    assert [each["id"] for each in client.get_instances("s")] == [instance.id]
    say("ready")
"""
        process = self.start(program)
        self.assertEqual(self.outcome(process), 0, self.complaints)
        self.assertEqual((self.registry.count("DELETE"), self.registry.listed), (1, {}))


if __name__ == "__main__":
    unittest.main()
