"""The client that programs use: every call twice, blocking and for asyncio."""

from __future__ import annotations

import asyncio
import functools
import ssl
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Type, TypeVar, Union, overload

from . import arguments, dependencies
from .async_lane import AsyncLane
from .dependencies import WaitProgress
from .dependency_graph import DependencyGraph, ServiceDependencies, ServiceDependents
from .errors import RateLimitError, UnavailableError
from .filters import MetadataValue
from .heartbeat_schedule import HookResult
from .heartbeats_async import AsyncHeartbeatManager
from .records import HealthReport, ServiceRecord
from .registered import AsyncRegisteredInstance
from .sync_client import UNSTATED_VERSION, SyncManifestClient, registration_body
from .watch_async import AsyncWatch

_T = TypeVar("_T")

#: Calls of one client that may be under way at once for asyncio; more wait their turn.
_ASYNC_CALLS_AT_ONCE = 16

#: Heartbeats have threads of their own: a thousand lookups that wait for a slow registry must not cost an instance its lease.
_ASYNC_HEARTBEATS_AT_ONCE = 4


class ManifestClient(SyncManifestClient):
    """A client of the registry.

    Every node of the cluster answers every request. Name several, and a call goes on to the next where one does not
    answer; name one, and it is retried. Calls are repeated only as repeating is safe, wait a little longer each time,
    and end within ``timeout`` seconds.

    One client may be used by many threads and event loops at once, and in forked children. Calls that end in ``_async``
    do the same as those without, in threads that belong to the client, so that neither the event loop nor its default
    executor waits. Cancelling one stops the waiting, not the request.

    >>> with ManifestClient("http://localhost:8500,http://localhost:8510") as client:
    ...     url = client.get_service("orchestrator")["interfaces"]["REST"]
    """

    def __init__(
        self,
        manifest_url: Union[str, Iterable[str], None] = None,
        auth_token: Optional[str] = None,
        timeout: float = 5.0,
        retries: int = 3,
        *,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        super().__init__(manifest_url, auth_token, timeout, retries, ssl_context=ssl_context)
        self._calls = AsyncLane("manifest-client", _ASYNC_CALLS_AT_ONCE)
        self._heartbeats = AsyncLane("manifest-heartbeats", _ASYNC_HEARTBEATS_AT_ONCE)

    __init__.__doc__ = SyncManifestClient.__init__.__doc__

    async def register_async(
        self,
        name: str,
        version: str = UNSTATED_VERSION,
        interfaces: Optional[Mapping[str, str]] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        instance_id: Optional[str] = None,
        ttl: Optional[Mapping[str, float]] = None,
    ) -> str:
        """See ``register``."""
        return await self._in_thread(
            functools.partial(self.register, name, version, interfaces, metadata, instance_id=instance_id, ttl=ttl)
        )

    def registered_async(
        self,
        name: str,
        version: str = UNSTATED_VERSION,
        interfaces: Optional[Mapping[str, str]] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        instance_id: Optional[str] = None,
        ttl: Optional[Mapping[str, float]] = None,
        interval: Optional[float] = None,
        on_failure: Optional[Callable[[Exception, int], HookResult]] = None,
        on_recovered: Optional[Callable[[int], HookResult]] = None,
        on_reregistered: Optional[Callable[[str], HookResult]] = None,
        handle_signals: bool = False,
    ) -> AsyncRegisteredInstance:
        """See ``registered``; for ``async with``. Hooks may be coroutine functions."""
        own_id, body = registration_body(name, version, interfaces, metadata, instance_id, ttl)
        manager = AsyncHeartbeatManager(
            self,
            name,
            own_id,
            interval,
            on_failure=on_failure,
            on_recovered=on_recovered,
            on_reregistered=on_reregistered,
        )
        return AsyncRegisteredInstance(self, manager, body, handle_signals)

    async def heartbeat_async(self, name: str, instance_id: str, lease_id: Optional[int] = None) -> None:
        """See ``heartbeat``."""
        await self._in_thread(functools.partial(self.heartbeat, name, instance_id, lease_id))

    async def deregister_async(self, name: str, instance_id: str, lease_id: Optional[int] = None) -> None:
        """See ``deregister``."""
        await self._in_thread(functools.partial(self.deregister, name, instance_id, lease_id))

    async def get_service_async(self, name: str, *, consistency: Optional[str] = None) -> ServiceRecord:
        """See ``get_service``."""
        return await self._in_thread(functools.partial(self.get_service, name, consistency=consistency))

    async def get_instances_async(
        self,
        name: str,
        *,
        status: Optional[str] = None,
        tag: Union[str, Iterable[str], None] = None,
        environment: Optional[str] = None,
        dependency: Optional[str] = None,
        interface: Optional[str] = None,
        version: Optional[str] = None,
        metadata: Optional[Mapping[str, MetadataValue]] = None,
        region: Optional[str] = None,
        owner: Optional[str] = None,
        consistency: Optional[str] = None,
    ) -> List[ServiceRecord]:
        """See ``get_instances``."""
        return await self._in_thread(
            functools.partial(
                self.get_instances,
                name,
                status=status,
                tag=tag,
                environment=environment,
                dependency=dependency,
                interface=interface,
                version=version,
                metadata=metadata,
                region=region,
                owner=owner,
                consistency=consistency,
            )
        )

    async def list_services_async(
        self,
        *,
        status: Optional[str] = None,
        tag: Union[str, Iterable[str], None] = None,
        dependency: Optional[str] = None,
        environment: Optional[str] = None,
        interface: Optional[str] = None,
        version: Optional[str] = None,
        metadata: Optional[Mapping[str, MetadataValue]] = None,
        region: Optional[str] = None,
        owner: Optional[str] = None,
        name: Optional[str] = None,
        limit: Optional[int] = None,
        offset: int = 0,
        consistency: Optional[str] = None,
    ) -> List[ServiceRecord]:
        """See ``list_services``."""
        return await self._in_thread(
            functools.partial(
                self.list_services,
                status=status,
                tag=tag,
                dependency=dependency,
                environment=environment,
                interface=interface,
                version=version,
                metadata=metadata,
                region=region,
                owner=owner,
                name=name,
                limit=limit,
                offset=offset,
                consistency=consistency,
            )
        )

    @overload
    async def get_dependencies_async(self) -> DependencyGraph: ...

    @overload
    async def get_dependencies_async(self, name: str, *, transitive: bool = False) -> ServiceDependencies: ...

    async def get_dependencies_async(
        self, name: Optional[str] = None, *, transitive: bool = False
    ) -> Union[DependencyGraph, ServiceDependencies]:
        """See ``get_dependencies``."""
        if name is None:
            return await self._in_thread(self.get_dependencies)
        return await self._in_thread(functools.partial(self.get_dependencies, name, transitive=transitive))

    async def get_dependents_async(self, name: str, *, transitive: bool = False) -> ServiceDependents:
        """See ``get_dependents``."""
        return await self._in_thread(functools.partial(self.get_dependents, name, transitive=transitive))

    async def resolve_async(self, names: Iterable[str]) -> Dict[str, ServiceRecord]:
        """See ``resolve``. All services are looked up at once."""
        checked = dependencies.checked_names(names)
        found = await asyncio.gather(*(self._look_up_async(name, None) for name in checked))
        return dependencies.complete(dict(zip(checked, found)))

    async def wait_for_async(
        self,
        names: Iterable[str],
        timeout: Optional[float] = 30.0,
        *,
        on_progress: Optional[Callable[[WaitProgress], None]] = None,
    ) -> Dict[str, ServiceRecord]:
        """See ``wait_for``. Cancelling ends the wait."""
        checked = dependencies.checked_names(names)
        wait = dependencies.Wait(arguments.optional_seconds(timeout, "timeout"), on_progress, self._clock)
        longest_seconds = self._transport.timeout_seconds
        return await dependencies.wait_for_async(
            self._look_up_async, checked, wait, self._await_change_async, longest_seconds
        )

    async def _look_up_async(self, name: str, seconds: Optional[float]) -> dependencies.Found:
        return await self._in_thread(functools.partial(self._look_up, name, seconds))

    async def _await_change_async(self, awaited: dependencies.Awaited) -> None:
        try:
            await asyncio.wait_for(self._next_change(awaited), awaited.seconds)
        except (asyncio.TimeoutError, UnavailableError, RateLimitError):
            pass

    async def _next_change(self, awaited: dependencies.Awaited) -> None:
        # A watch rather than a question that is held: its thread is a daemon that ends at once when the wait is cancelled,
        # where the lane's would hold up other calls, and the interpreter's exit.
        async with self.watch_async(service=awaited.name, from_revision=awaited.after) as events:
            async for _ in events:
                break

    def watch_async(
        self,
        *,
        initial: bool = False,
        from_revision: Optional[int] = None,
        service: Optional[str] = None,
        name: Optional[str] = None,
        status: Optional[str] = None,
        tag: Union[str, Iterable[str], None] = None,
        dependency: Optional[str] = None,
        environment: Optional[str] = None,
        interface: Optional[str] = None,
        version: Optional[str] = None,
        metadata: Optional[Mapping[str, MetadataValue]] = None,
        region: Optional[str] = None,
        owner: Optional[str] = None,
        patience: Optional[float] = None,
    ) -> AsyncWatch:
        """See ``watch``; for ``async with`` and ``async for``."""
        return AsyncWatch(
            self.watch(
                initial=initial,
                from_revision=from_revision,
                service=service,
                name=name,
                status=status,
                tag=tag,
                dependency=dependency,
                environment=environment,
                interface=interface,
                version=version,
                metadata=metadata,
                region=region,
                owner=owner,
                patience=patience,
            )
        )

    async def health_async(self) -> HealthReport:
        """See ``health``."""
        return await self._in_thread(self.health)

    def close(self) -> None:
        """Closes the connections and ends the watches. Instances stay registered; later calls raise ``ManifestError``."""
        super().close()
        self._calls.close()
        self._heartbeats.close()

    def forget_after_fork(self) -> None:
        """Called in a forked child, which has none of the parent's threads."""
        super().forget_after_fork()
        self._calls.forget_after_fork()
        self._heartbeats.forget_after_fork()

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await self._calls.run(call)

    def __enter__(self) -> "ManifestClient":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    async def __aenter__(self) -> "ManifestClient":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()
