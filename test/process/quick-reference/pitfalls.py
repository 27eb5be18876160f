"""What the pitfalls recommend. The halves marked as bad show what not to do, and are not run."""

from __future__ import annotations

import io
import logging
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Dict

import paths  # noqa: F401, I001 (before all that import the client)
from document import block, good_half
from orchestrator import Orchestrator
from programs import program
from registry import Registry, wait_for
from session import Session
from surroundings import a_client, imports, values


@program("pitfall 1: heartbeat after registration", ("Pitfall 1", 0))
def start_heartbeat(registry: Registry) -> None:
    left_out = {"register": {"name": "beating", "version": "1.0.0", "interfaces": {"CLI": "beating"}}}
    stop = threading.Event()
    with a_client() as client:

        def heartbeat_loop() -> None:
            while not stop.wait(0.3):
                client.heartbeat("beating", session.names["instance_id"])

        given = {
            **values(client=client),
            **values("the quick start's loop, at a pace for tests", heartbeat_loop=heartbeat_loop),
            **imports("Thread"),
        }
        session = Session(given, good_half(block("Pitfall 1")), left_out=left_out).run()

        def renewed() -> bool:
            [record] = registry.instances_of("beating")
            return str(record["last_heartbeat"]) > str(record["registered_at"])

        wait_for(renewed, "a heartbeat")
        stop.set()
        session.names["heartbeat_thread"].join()


@program("pitfall 2: heartbeat failures", ("Pitfall 2", 0))
def track_failures(registry: Registry) -> None:
    with a_client() as client, _Log() as log:
        instance_id = client.register("tracked", "1.0.0", {"CLI": "tracked"})
        given = {
            **values(client=client, instance_id=instance_id),
            **values("the program's own service", name="tracked"),
            **imports("logging"),
        }
        time.sleep(0.05)  # the registry tells times apart by the millisecond
        assert Session(given, good_half(block("Pitfall 2"))).run().names["consecutive_failures"] == 0
        [record] = registry.instances_of("tracked")
        assert record["last_heartbeat"] > record["registered_at"], record

        registry.deregister("tracked", instance_id)
        assert Session(given, good_half(block("Pitfall 2"))).run().names["consecutive_failures"] == 1
        assert "Heartbeat failed (1): service_gone" in log.text, log.text


@program("pitfall 3: discovered addresses", ("Pitfall 3", 0))
def discovered_addresses(registry: Registry) -> None:
    left_out = {"post": {"json": {"service": "my-service"}}}
    with Orchestrator(registry) as orchestrator, a_client() as client:
        given = {**values(client=client), **imports("requests")}
        Session(given, good_half(block("Pitfall 3")), left_out=left_out).run()
        assert [each["service"] for each in orchestrator.deployments] == ["my-service"]


@program("pitfall 4: deregistering on shutdown", ("Pitfall 4", 0))
def deregister_on_shutdown(registry: Registry) -> None:
    for ending in (signal.SIGTERM, signal.SIGINT, None):
        child = subprocess.Popen(
            [sys.executable, "-u", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stdin and child.stdout
            instance_id = child.stdout.readline().strip()
            assert registry.find("leaving", instance_id), f"{instance_id!r} is not listed by another node"
            if ending is not None:
                child.send_signal(ending)
            _, complaints = child.communicate(timeout=20)
            assert (child.returncode, complaints) == (0, ""), (ending, child.returncode, complaints)
            assert registry.find("leaving", instance_id) is None, f"still listed after {ending}"
        finally:
            child.kill()
            child.wait()


def _be_the_service() -> None:
    client = a_client()
    instance_id = client.register("leaving", "1.0.0", {"CLI": "leaving"})
    given = {
        **values(client=client, instance_id=instance_id),
        **values("the program's own service", service_name="leaving"),
        **imports("sys"),
    }
    Session(given, good_half(block("Pitfall 4"))).run()
    print(instance_id)
    sys.stdin.read()


class _App:
    """Stands for the web framework whose decorator pitfall 5 uses."""

    def __init__(self) -> None:
        self.routes: Dict[str, Callable[[Any], Any]] = {}

    def post(self, path: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
        def enter(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
            self.routes[path] = handler
            return handler

        return enter


@program("pitfall 5: cached lookups", ("Pitfall 5", 0))
def cached_lookups(registry: Registry) -> None:
    app = _App()
    with Orchestrator(registry) as orchestrator, a_client() as client:
        given = {**values(client=client), **values("a web framework of the reader's choice", app=app)}
        names = Session(given, good_half(block("Pitfall 5"))).run().names
        process = app.routes["/process"]
        process({})
        orchestrator.move_to("http://10.0.0.9:8600")
        process({})
        assert names["get_orchestrator_url"].cache_info()[:2] == (1, 1), names["get_orchestrator_url"].cache_info()
        names["_cache_time"] = time.time() - 61
        process({})
        assert names["get_orchestrator_url"]() == "http://10.0.0.9:8600", "the cache did not run out"


@program("pitfall 6: discovery with retries", ("Pitfall 6", 0))
def discover_with_retry(registry: Registry) -> None:
    with a_client() as client, _Log() as log:
        given = {**values(client=client), **imports("ServiceNotFoundError", "logging")}
        late = threading.Timer(1.5, registry.register, ["orchestrator"])
        late.start()
        names = Session(given, good_half(block("Pitfall 6"))).run().names
        late.join()
        assert names["orchestrator"] == registry.find("orchestrator", "orchestrator-1"), names["orchestrator"]
        assert "Service 'orchestrator' not found, retrying in 1s... (1/10)" in log.text, log.text


class _Log:
    """Collects what programs log."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self._handler = logging.StreamHandler(self._stream)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def __enter__(self) -> "_Log":
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(logging.INFO)
        return self

    def __exit__(self, *_: Any) -> None:
        logging.getLogger().removeHandler(self._handler)


if __name__ == "__main__":
    _be_the_service()
