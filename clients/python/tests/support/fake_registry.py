"""A registry of one process: knows instances, gives leases, tells changes, and fails as a test tells it."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple
from urllib.parse import parse_qs, urlsplit

from .events import change, current, marker
from .records import record
from .scripted_server import Behaviour, Received, Respond, ScriptedServer, Stream, refuse


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
        #: Called with the seconds in place of holding a question.
        self.on_hold: Optional[Callable[[float], None]] = None
        #: Every change: its revision, the service, and what watchers are told.
        self.history: List[Tuple[int, str, str]] = []
        #: Watches that were asked for, and the services that they are about.
        self.watches: List[Tuple[Stream, str]] = []
        self._held = 0
        self._changed = threading.Condition()
        self.server = ScriptedServer(self._answer)
        self.url = self.server.url

    def list_instance(self, name: str, id: str, status: str = "up") -> None:
        with self._changed:
            kind = "status" if (name, id) in self.listed else "registered"
            self.listed[name, id] = record(name, id, status, revision=self.revision + 1, lease_id=self.revision + 1)
            self._tell(kind, {**self.listed[name, id], "changed": ["status", "lease_id"]})

    def remove_instance(self, name: str, id: str, kind: str = "deregistered") -> None:
        with self._changed:
            self._tell(kind, {**self.listed.pop((name, id)), "status": "down", "revision": self.revision + 1})

    def lose_everything(self, revision: int = 0) -> None:
        """As one that came back without its data. Watches break off."""
        with self._changed:
            self.listed.clear()
            self.history.clear()
            self.revision = revision
        self.end_watches()

    def _tell(self, kind: str, shown: Dict[str, Any]) -> None:
        self.revision += 1
        text = change(kind=kind, **shown)
        self.history.append((self.revision, shown["name"], text))
        for stream, service in self.watches:
            if service in ("", shown["name"]):
                stream.send(text)
        self._changed.notify_all()

    def end_watches(self) -> None:
        """Ends the streams of events, as a node does that stops."""
        with self._changed:
            ended, self.watches = self.watches, []
        for stream, _ in ended:
            stream.end()

    @property
    def listeners(self) -> int:
        """Questions that are held, and watches that were not ended."""
        return self._held + len(self.watches)

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
        parts = request.path.partition("?")[0].split("/")[2:]
        parts = parts if parts == ["watch"] else parts[1:]
        if parts == ["watch"]:
            return self._watched(request)
        if request.method == "GET":
            self._hold(request, parts[0] if parts else "")
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
            self.remove_instance(*key)
        return Respond(204)

    def _watched(self, request: Received) -> Stream:
        query = parse_qs(urlsplit(request.path).query)
        service = query.get("service", [""])[0]
        stream = Stream()
        begin = int(query["from"][0]) if "from" in query else None
        if begin is not None and begin <= self.revision:
            missed = [text for revision, name, text in self.history if revision > begin and service in ("", name)]
            for text in missed or [marker("progress", self.revision)]:
                stream.send(text)
        elif begin is not None or "initial" in query:
            if begin is not None:
                stream.send(marker("compacted", self.revision))
            for (name, _), each in sorted(self.listed.items()):
                if service in ("", name):
                    stream.send(current(**each))
            stream.send(marker("synced", self.revision))
        else:
            stream.send(marker("progress", self.revision))
        self.watches.append((stream, service))
        return stream

    def _hold(self, request: Received, service: str) -> None:
        query = parse_qs(urlsplit(request.path).query)
        if "index" not in query:
            return
        index, seconds = int(query["index"][0]), int(query["wait"][0][: -len("ms")]) / 1_000
        if self.on_hold is not None:
            self.on_hold(seconds)
            return
        self._held += 1
        self._changed.notify_all()
        self._changed.wait_for(
            lambda: any(revision > index and service in ("", name) for revision, name, _ in self.history), seconds
        )
        self._held -= 1

    def stop(self) -> None:
        self.end_watches()
        self.server.stop()
