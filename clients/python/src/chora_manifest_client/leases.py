"""Registering, renewing and removing instances, and remembering which of them this client registered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from . import arguments
from .errors import OutcomeUnknownError, ServiceNotFoundError
from .transport import Reply, Request, Transport

#: Registrations, and deregistrations, of which the latest are remembered.
_REMEMBERED = 1_024

_Key = Tuple[str, str]


@dataclass(frozen=True)
class Registration:
    """What this client told the registry about an instance, and what it was given."""

    #: The request's body, kept as it was sent: the caller's own objects may change afterwards.
    body: bytes
    lease_id: Optional[int]
    #: How often the registry wants to hear of the instance.
    heartbeat_interval_seconds: Optional[float]
    #: An attempt whose answer was lost may be carried out late, and take the lease over. That is nobody else then.
    maybe_doubled: bool


class Leases:
    """The instances that one client has registered. Thread safe, also within a signal handler."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = threading.RLock()
        self._registered: "OrderedDict[_Key, Registration]" = OrderedDict()
        self._deregistered: "OrderedDict[_Key, None]" = OrderedDict()
        self._registering: Dict[_Key, int] = {}

    @property
    def timeout_seconds(self) -> float:
        """The limit of one call where none is given."""
        return self._transport.timeout_seconds

    def register(
        self, name: str, instance_id: str, body: bytes, timeout_seconds: Optional[float] = None
    ) -> Registration:
        """Registers, and remembers it.

        Raises:
            OutcomeUnknownError: with the instance's id in ``details``, which its caller may not know yet.
        """
        key = (name, instance_id)
        with self._being_registered(key):
            try:
                reply = self._transport.call(
                    Request("POST", "/v1/services", body=body), timeout_seconds=timeout_seconds
                )
            except OutcomeUnknownError as error:
                error.details = {**error.details, "instance_id": instance_id}
                raise
            registration = _registration(body, reply)
            with self._lock:
                self._deregistered.pop(key, None)
                _remember(self._registered, key, registration)
        return registration

    def renew(
        self, name: str, instance_id: str, lease_id: Optional[int] = None, timeout_seconds: Optional[float] = None
    ) -> None:
        """Sends a heartbeat."""
        path = f"{_path(name, instance_id)}/heartbeat"
        self._transport.call(Request("PUT", path, body=_lease_body(lease_id)), timeout_seconds=timeout_seconds)

    def remove(
        self, name: str, instance_id: str, lease_id: Optional[int] = None, timeout_seconds: Optional[float] = None
    ) -> None:
        """Deregisters. What this client has deregistered before may be deregistered again."""
        key = (name, instance_id)
        request = Request("DELETE", _path(name, instance_id), body=_lease_body(lease_id), is_removal=True)
        try:
            self._transport.call(request, timeout_seconds=timeout_seconds)
        except ServiceNotFoundError:
            # Programs deregister in a signal handler and again at exit.
            if self.was_deregistered(name, instance_id):
                return
            raise
        with self._lock:
            self._registered.pop(key, None)
            _remember(self._deregistered, key, None)

    def registration_of(self, name: str, instance_id: str) -> Optional[Registration]:
        """The latest registration of this instance by this client."""
        return self._registered.get((name, instance_id))

    def was_deregistered(self, name: str, instance_id: str) -> bool:
        """Whether this client deregistered it, and has not registered it since."""
        return (name, instance_id) in self._deregistered

    def is_registering(self, name: str, instance_id: str) -> bool:
        """Whether a registration of this instance is under way, whose lease is not known here yet."""
        return (name, instance_id) in self._registering

    def forget_after_fork(self) -> None:
        """In a forked child, the lock may be held by a thread that only the parent has."""
        self._lock = threading.RLock()
        self._registering = {}

    @contextmanager
    def _being_registered(self, key: _Key) -> Iterator[None]:
        with self._lock:
            self._registering[key] = self._registering.get(key, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                left = self._registering.pop(key, 1) - 1
                if left > 0:
                    self._registering[key] = left


def _registration(body: bytes, reply: Reply) -> Registration:
    content: Mapping[str, Any] = reply.content if isinstance(reply.content, dict) else {}
    lease_id, interval = content.get("lease_id"), content.get("heartbeat_interval")
    return Registration(
        body,
        lease_id if isinstance(lease_id, int) else None,
        float(interval) if isinstance(interval, (int, float)) and interval > 0 else None,
        reply.maybe_repeated,
    )


def _remember(known: "OrderedDict[_Key, Any]", key: _Key, value: Any) -> None:
    known.pop(key, None)
    known[key] = value
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


def _path(name: str, instance_id: str) -> str:
    return f"/v1/services/{arguments.service_name(name)}/{arguments.instance_id(instance_id)}"


def _lease_body(lease_id: Optional[int]) -> Optional[bytes]:
    return None if lease_id is None else arguments.json_body({"lease_id": lease_id})
