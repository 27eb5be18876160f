"""``with client.registered(...)``: an instance that is listed while a block of the program runs."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Type

from .heartbeats import HeartbeatManager
from .heartbeats_async import AsyncHeartbeatManager
from .last_resort import LastResort

if TYPE_CHECKING:
    from .client import ManifestClient
    from .sync_client import SyncManifestClient


class RegisteredInstance:
    """A context manager: registers, keeps heartbeating, and deregisters however the block ends.

    Attributes:
        name, id: the instance.
        manager: its heartbeats, which count their failures.
    """

    def __init__(
        self, client: "SyncManifestClient", manager: HeartbeatManager, body: bytes, handle_signals: bool
    ) -> None:
        self._leases = client._leases
        self._body = body
        self._last_resort = LastResort(manager.stop, handle_signals)
        self.manager = manager
        self.name = manager.service_name
        self.id = manager.instance_id

    def __enter__(self) -> "RegisteredInstance":
        self._leases.register(self.name, self.id, self._body)
        try:
            self.manager.start()
            self._last_resort.install()
        except BaseException:
            self.manager.give_back()
            raise
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        # In this order, so that a signal that comes meanwhile still finds its handler.
        self.manager.stop()
        self._last_resort.remove()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.id!r})"


class AsyncRegisteredInstance:
    """The same for ``async with``."""

    def __init__(
        self, client: "ManifestClient", manager: AsyncHeartbeatManager, body: bytes, handle_signals: bool
    ) -> None:
        self._leases = client._leases
        self._lane = client._heartbeats
        self._body = body
        self._last_resort = LastResort(manager.release, handle_signals)
        self._is_abandoned = False
        self._is_registered = False
        self.manager = manager
        self.name = manager.service_name
        self.id = manager.instance_id

    async def __aenter__(self) -> "AsyncRegisteredInstance":
        try:
            await self._lane.run(self._register)
        except asyncio.CancelledError:
            # The thread goes on. Whichever of the two comes second sees what the other did, and gives the instance back.
            self._is_abandoned = True
            if self._is_registered:
                self._lane.submit(self.manager.give_back)
            raise
        try:
            await self.manager.start()
            self._last_resort.install()
        except BaseException:
            self._lane.submit(self.manager.give_back)
            raise
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.manager.stop()
        self._last_resort.remove()

    def _register(self) -> None:
        self._leases.register(self.name, self.id, self._body)
        self._is_registered = True
        if self._is_abandoned:
            self.manager.give_back()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.id!r})"
