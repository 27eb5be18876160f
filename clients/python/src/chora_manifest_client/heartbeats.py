"""Heartbeats in the background, from a thread."""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING, Any, Callable, Optional

from . import arguments
from .errors import ManifestError
from .heart import Heart
from .heartbeat_schedule import HeartbeatHooks, HeartbeatSchedule, HookResult

if TYPE_CHECKING:
    from .sync_client import SyncManifestClient

#: The shortest limit of one heartbeat; otherwise it is the interval or the client's timeout, whichever is less.
_LEAST_LIMIT_SECONDS = 1.0


class HeartbeatManagerBase:
    """What both managers count and offer."""

    def __init__(
        self,
        client: "SyncManifestClient",
        service_name: str,
        instance_id: str,
        interval: Optional[float] = None,
        *,
        on_failure: Optional[Callable[[Exception, int], HookResult]] = None,
        on_recovered: Optional[Callable[[int], HookResult]] = None,
        on_reregistered: Optional[Callable[[str], HookResult]] = None,
    ) -> None:
        """Prepares heartbeats for an instance that ``client`` has registered; ``start`` begins them.

        Args:
            client: it remembers what it registered, so that the manager can register the same again. For an instance
                that another client registered, heartbeats are sent, and a loss is only reported.
            service_name: the service.
            instance_id: what ``register`` returned.
            interval: seconds between heartbeats. By default as often as the registry asked for on registration. Each
                wait is up to a tenth shorter, at random; after failures it is 1, 2 and 4 seconds, then the interval.
            on_failure: called with the error and the number of failures in a row.
            on_recovered: called with the number of failures before this success.
            on_reregistered: called with the instance's id after the registry had lost it, and lists it again.

        Hooks are called one after another and delay the next heartbeat while they run; what they raise is logged.

        Raises:
            ValidationError: an argument is unusable; ``field`` names it.
        """
        arguments.service_name(service_name, "service_name")
        arguments.instance_id(instance_id)
        self._asked_interval = None if interval is None else arguments.positive_seconds(interval, "interval")
        self._client = client
        self._heart = Heart(client._leases, service_name, instance_id)
        hooks = HeartbeatHooks(on_failure, on_recovered, on_reregistered)
        self._schedule = HeartbeatSchedule(str(self._heart), instance_id, hooks)
        self._owner_pid: Optional[int] = None

    @property
    def service_name(self) -> str:
        return self._heart.name

    @property
    def instance_id(self) -> str:
        return self._heart.instance_id

    @property
    def interval_seconds(self) -> float:
        """Seconds between heartbeats while all is well."""
        return self._asked_interval or self._heart.interval_seconds

    @property
    def heartbeats(self) -> int:
        """Heartbeats that succeeded."""
        return self._schedule.heartbeats

    @property
    def failures(self) -> int:
        """Heartbeats that failed, in all."""
        return self._schedule.failures

    @property
    def consecutive_failures(self) -> int:
        """Heartbeats that failed since the last one that succeeded."""
        return self._schedule.consecutive_failures

    @property
    def reregistrations(self) -> int:
        """How often the registry had lost the instance."""
        return self._schedule.reregistrations

    @property
    def last_error(self) -> Optional[Exception]:
        """Why a heartbeat failed most recently, also after it succeeded again."""
        return self._schedule.last_error

    @property
    def is_superseded(self) -> bool:
        """Another process registered the same instance. It is theirs: no more heartbeats, no deregistration."""
        return self._heart.is_superseded

    def release(self) -> None:
        """For signal handlers and the interpreter's exit: deregisters, blocking, without waiting for anything else."""
        if self._is_owner():
            self._heart.release()

    def give_back(self) -> None:
        """Deregisters what was registered and not started, blocking."""
        self._heart.release()

    def _is_owner(self) -> bool:
        """Not in a forked child: the instance is its parent's."""
        return self._owner_pid == os.getpid()

    def _begin(self) -> None:
        if self._is_owner():
            raise ManifestError("already_started", f"The heartbeats of {self._heart} were started before.")
        self._owner_pid = os.getpid()
        self._heart.restart()

    def _limit_seconds(self) -> float:
        return min(self._client._leases.timeout_seconds, max(_LEAST_LIMIT_SECONDS, self.interval_seconds))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.service_name!r}, {self.instance_id!r})"


class HeartbeatManager(HeartbeatManagerBase):
    """Keeps a registered instance alive from a daemon thread, whatever happens, until ``stop``.

    >>> instance_id = client.register("my-service", "1.0.0", {"CLI": "my-service"})
    >>> manager = HeartbeatManager(client, "my-service", instance_id)
    >>> manager.start()
    >>> manager.stop()  # deregisters, too

    It runs once. A forked child has no heartbeats of its own, and its ``stop`` does nothing, as the instance is its
    parent's; only ``start`` in the child takes it over, for programs that fork to become daemons.
    """

    _thread: Optional[threading.Thread] = None

    def start(self) -> None:
        """Begins. The registration counts as the first heartbeat.

        Raises:
            ManifestError: it was started before in this process.
        """
        self._begin()
        # Queues rather than events, as a signal handler may ring them in the middle of anything.
        self._bell: "queue.SimpleQueue[None]" = queue.SimpleQueue()
        self._ended: "queue.SimpleQueue[None]" = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{self._heart}", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self._owner_pid = None
            raise

    def stop(self, deregister: bool = True) -> None:
        """Ends the heartbeats at once and deregisters. May be called from anywhere, more than once.

        Waits at most as long as one call may take, where the instance is just being registered again; not for a heartbeat.
        It does not raise: an instance that cannot be deregistered is logged, and its lease runs out.
        """
        if not self._is_owner():
            return
        self._heart.end()
        self._bell.put(None)
        if self._heart.is_registering and threading.current_thread() is not self._thread:
            try:
                self._ended.get(timeout=self._limit_seconds() + 1)
                self._ended.put(None)  # for whoever else waits
            except queue.Empty:
                pass
        if deregister:
            self._heart.release()

    @property
    def is_running(self) -> bool:
        """Whether heartbeats are being sent, by this process."""
        return self._is_owner() and self._thread is not None and self._thread.is_alive()

    def __enter__(self) -> "HeartbeatManager":
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            delay_seconds = self._schedule.first_delay_seconds(self.interval_seconds)
            while not self._told_to_stop(delay_seconds):
                beat = self._heart.beat(self._limit_seconds())
                for call in self._schedule.note(beat):
                    try:
                        call()
                    except BaseException as problem:  # even SystemExit would end nothing but the heartbeats
                        self._schedule.hook_failed(problem)
                if beat.is_last:
                    break
                delay_seconds = self._schedule.next_delay_seconds(self.interval_seconds)
        finally:
            self._ended.put(None)

    def _told_to_stop(self, seconds: float) -> bool:
        try:
            self._bell.get(timeout=seconds)
        except queue.Empty:
            return False
        return True
