"""A registry of one process: knows instances, gives leases, and fails as a test tells it."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from .records import record
from .scripted_server import Behaviour, Received, Respond, ScriptedServer, refuse


class FakeRegistry:
    """Answers as the real one does, as far as these tests look."""

    def __init__(self, heartbeat_interval: float = 0.02) -> None:
        self.heartbeat_interval = heartbeat_interval
        self.listed: Dict[Tuple[str, str], Dict[str, Any]] = {}
        self.revision = 0
        self.log: List[Tuple[str, str]] = []
        self.bodies: List[Any] = []
        #: Asked first, with the method and the path; what it returns is answered.
        self.instead: Optional[Callable[[Received], Optional[Behaviour]]] = None
        self._changed = threading.Condition()
        self.server = ScriptedServer(self._answer)
        self.url = self.server.url

    def list_instance(self, name: str, id: str, status: str = "up") -> None:
        self.revision += 1
        self.listed[name, id] = record(name, id, status, revision=self.revision, lease_id=self.revision)

    def lose_everything(self) -> None:
        self.listed.clear()

    def count(self, method: str) -> int:
        with self._changed:
            return sum(1 for each, _ in self.log if each == method)

    def await_count(self, method: str, at_least: int) -> None:
        """Waits until so many requests of that method have come."""
        self.await_that(lambda: sum(1 for each, _ in self.log if each == method) >= at_least)

    def await_that(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                if not self._changed.wait(min(0.05, max(0.0, deadline - time.monotonic()))):
                    if time.monotonic() > deadline:
                        raise AssertionError(f"it did not come to it; requests so far: {self.log}")

    def _answer(self, request: Received) -> Behaviour:
        instead = self.instead(request) if self.instead is not None else None
        with self._changed:
            behaviour = instead or self._own_answer(request)
            self.log.append((request.method, request.path))
            self._changed.notify_all()
        return behaviour

    def _own_answer(self, request: Received) -> Behaviour:
        parts = request.path.partition("?")[0].split("/")[3:]
        headers = {"X-Manifest-Index": str(self.revision)}
        if request.method == "POST":
            body = request.json
            self.bodies.append(body)
            self.list_instance(body["name"], body["id"])
            interval = body.get("ttl", {}).get("heartbeat_interval", self.heartbeat_interval)
            return Respond(201, {"id": body["id"], "lease_id": self.revision, "heartbeat_interval": interval})
        if request.method == "GET":
            if not parts:
                return Respond(200, list(self.listed.values()), headers)
            found = [each for (name, _), each in sorted(self.listed.items()) if name == parts[0]]
            if len(parts) > 1:
                return Respond(200, found, headers)
            return Respond(200, found, headers) if found else refuse(404, "service_not_found")
        key = (parts[0], parts[1])
        known = self.listed.get(key)
        if known is None:
            return refuse(404, "service_not_found") if request.method == "DELETE" else refuse(410, "service_gone")
        if request.body and request.json["lease_id"] != known["lease_id"]:
            return refuse(409, "lease_mismatch", field="lease_id")
        if request.method == "DELETE":
            self.revision += 1
            del self.listed[key]
        return Respond(204)

    def stop(self) -> None:
        self.server.stop()
