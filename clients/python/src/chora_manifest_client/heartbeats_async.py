"""Heartbeats in the background, from an event loop."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import TYPE_CHECKING, Any, Callable, Optional

from .heartbeats import HeartbeatManagerBase
from .heartbeat_schedule import HookResult

if TYPE_CHECKING:
    from .client import ManifestClient


class AsyncHeartbeatManager(HeartbeatManagerBase):
    """Keeps a registered instance alive from a task of the running event loop, until ``stop``.

    The loop decides when a heartbeat is due, so that a loop that hangs becomes unhealthy, as it should. Sending is done
    in threads that nothing else waits for. Hooks may be coroutine functions.

    >>> manager = AsyncHeartbeatManager(client, "my-service", instance_id)
    >>> await manager.start()
    >>> await manager.stop()  # deregisters, too
    """

    def __init__(
        self,
        client: "ManifestClient",
        service_name: str,
        instance_id: str,
        interval: Optional[float] = None,
        *,
        on_failure: Optional[Callable[[Exception, int], HookResult]] = None,
        on_recovered: Optional[Callable[[int], HookResult]] = None,
        on_reregistered: Optional[Callable[[str], HookResult]] = None,
    ) -> None:
        super().__init__(
            client,
            service_name,
            instance_id,
            interval,
            on_failure=on_failure,
            on_recovered=on_recovered,
            on_reregistered=on_reregistered,
        )
        self._lane = client._heartbeats
        self._task: "Optional[asyncio.Task[None]]" = None

    __init__.__doc__ = HeartbeatManagerBase.__init__.__doc__

    async def start(self) -> None:
        """Begins. The registration counts as the first heartbeat.

        Raises:
            ManifestError: it was started before in this process.
        """
        self._begin()
        loop = asyncio.get_running_loop()
        self._bell: "asyncio.Future[None]" = loop.create_future()
        self._task = loop.create_task(self._run())

    async def stop(self, deregister: bool = True) -> None:
        """Ends the heartbeats at once and deregisters. May be called more than once, in the loop that called ``start``.

        Waits at most as long as one call may take, where the instance is just being registered again; not for a heartbeat.
        It does not raise: an instance that cannot be deregistered is logged, and its lease runs out.
        """
        task = self._task
        if not self._is_owner() or task is None:
            return
        self._heart.end()
        if not self._bell.done():
            self._bell.set_result(None)
        if task is not asyncio.current_task():
            if self._heart.is_registering:
                await asyncio.wait([task], timeout=self._limit_seconds() + 1)
            task.cancel()
            await asyncio.wait([task])
        if deregister:
            await self._lane.run(self._heart.release)

    @property
    def is_running(self) -> bool:
        """Whether heartbeats are being sent, by this process."""
        return self._is_owner() and self._task is not None and not self._task.done()

    async def __aenter__(self) -> "AsyncHeartbeatManager":
        await self.start()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.stop()

    async def _run(self) -> None:
        delay_seconds = self._schedule.first_delay_seconds(self.interval_seconds)
        while not await self._told_to_stop(delay_seconds):
            try:
                beat = await self._lane.run(functools.partial(self._heart.beat, self._limit_seconds()))
            except Exception:
                return  # the client was closed, or the interpreter is shutting down: nothing can be sent any more
            for call in self._schedule.note(beat):
                try:
                    result = call()
                    if inspect.isawaitable(result):
                        await result
                except Exception as problem:
                    self._schedule.hook_failed(problem)
            if beat.is_last:
                return
            delay_seconds = self._schedule.next_delay_seconds(self.interval_seconds)

    async def _told_to_stop(self, seconds: float) -> bool:
        done, _ = await asyncio.wait([self._bell], timeout=seconds)
        return bool(done)
