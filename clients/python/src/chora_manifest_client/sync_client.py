"""The calls that block. ``client.py`` adds their twins for asyncio."""

from __future__ import annotations

import os
import secrets
import ssl
import weakref
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, Union, cast, overload

from . import arguments, dependencies, fork_safety
from .answers import RegistryAnswer, joined
from .dependencies import WaitProgress
from .dependency_graph import DependencyGraph, ServiceDependencies, ServiceDependents
from .endpoints import DEFAULT_URL, parse_endpoints
from .errors import ManifestError, RateLimitError, ServiceNotFoundError, UnavailableError, ValidationError
from .filters import Filters, MetadataValue, Query, filters_of
from .leases import Leases
from .paging import PAGE_SIZE, read_all
from .heartbeat_schedule import HookResult
from .heartbeats import HeartbeatManager
from .records import HealthReport, ServiceRecord
from .registered import RegisteredInstance
from .retries import Clock
from .selection import TurnTaker
from .transport import Reply, Request, Transport
from .watch import Watch

#: A version for those who do not state one.
UNSTATED_VERSION = "0.0.0"


class SyncManifestClient:
    """See ``ManifestClient``."""

    def __init__(
        self,
        manifest_url: Union[str, Iterable[str], None] = None,
        auth_token: Optional[str] = None,
        timeout: float = 5.0,
        retries: int = 3,
        *,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        """Prepares a client; nothing is sent before the first call.

        Args:
            manifest_url: one node's URL, several separated by commas, or a list. Default: the variable
                ``MANIFEST_URL``, then ``http://localhost:8500``.
            auth_token: bearer token for writes. Default: the variable ``MANIFEST_AUTH_TOKEN``, then none.
            timeout: seconds that one call may take in all, retries included.
            retries: how many more times a call that failed goes round all nodes.
            ssl_context: for ``https`` URLs whose certificates the system does not know.

        Raises:
            ValidationError: an argument is unusable; ``field`` names it.
        """
        if manifest_url is None or manifest_url == "":
            manifest_url = os.environ.get("MANIFEST_URL") or DEFAULT_URL
        self._endpoints = parse_endpoints(manifest_url)
        token = os.environ.get("MANIFEST_AUTH_TOKEN") if auth_token is None else auth_token
        self._transport = Transport(
            self._endpoints,
            arguments.auth_token(token),
            arguments.positive_seconds(timeout, "timeout"),
            arguments.whole_number(retries, "retries", 0),
            ssl_context,
        )
        self._clock = Clock()
        self._turns = TurnTaker()
        self._leases = Leases(self._transport)
        self._watches: "weakref.WeakSet[Watch]" = weakref.WeakSet()
        fork_safety.watch(self)

    def register(
        self,
        name: str,
        version: str = UNSTATED_VERSION,
        interfaces: Optional[Mapping[str, str]] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        *,
        instance_id: Optional[str] = None,
        ttl: Optional[Mapping[str, float]] = None,
    ) -> str:
        """Lists an instance of a service as ``up``. It stays listed while heartbeats come, every 10 seconds by default.

        Registering the same ``name`` and ``instance_id`` again replaces the record and begins a new lease.

        Args:
            name: lowercase letters, digits and hyphens, at most 64.
            version: a semantic version. ``"0.0.0"`` stands for a service that does not state one.
            interfaces: interface type (``REST``, ``gRPC``, ``CLI``, ``MCP``, ``Native`` or any other) to where it is;
                at least one.
            metadata: any JSON object; ``description``, ``dependencies``, ``tags``, ``environment``, ``region`` and
                ``owner`` have a meaning.
            instance_id: an id of your own, such as a pod's name. By default one is made here, such as
                ``my-service-a1b2c3d4``, so that a registration that has to be repeated lists nobody twice.
            ttl: lease times of this instance in seconds: ``heartbeat_interval``, ``unhealthy_after``, ``remove_after``.

        Returns:
            The instance's id, for ``heartbeat`` and ``deregister``.

        Raises:
            ValidationError, DependencyNotFoundError, UnauthorizedError: the registry refused; the message says why.
            OutcomeUnknownError: no answer came; register again, with ``details["instance_id"]`` as ``instance_id``.
            UnavailableError: no node could take it.
        """
        own_id, body = registration_body(name, version, interfaces, metadata, instance_id, ttl)
        self._leases.register(name, own_id, body)
        return own_id

    def registered(
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
    ) -> RegisteredInstance:
        """Registers for the length of a ``with`` block, heartbeats meanwhile, and deregisters however the block ends.

        The interpreter's exit deregisters, too, where the block was never left. A forked child neither heartbeats nor
        deregisters: the instance is its parent's.

        >>> with client.registered("my-service", "1.0.0", {"CLI": "my-service"}, handle_signals=True) as instance:
        ...     serve(instance.id)

        Args:
            interval, on_failure, on_recovered, on_reregistered: see ``HeartbeatManager``.
            handle_signals: also deregister on SIGTERM and SIGINT, and go on to the handler before, or end the process
                as the signal does by default. In the main thread only. Signals that are ignored stay ignored.

        The other arguments and the errors, raised as the block is entered, are those of ``register``.
        """
        own_id, body = registration_body(name, version, interfaces, metadata, instance_id, ttl)
        manager = HeartbeatManager(
            self,
            name,
            own_id,
            interval,
            on_failure=on_failure,
            on_recovered=on_recovered,
            on_reregistered=on_reregistered,
        )
        return RegisteredInstance(self, manager, body, handle_signals)

    def heartbeat(self, name: str, instance_id: str, lease_id: Optional[int] = None) -> None:
        """Renews the lease of a registered instance, and turns it ``up``.

        Args:
            lease_id: where given, must be the lease of the latest registration.

        Raises:
            ServiceGoneError: it was deregistered or its lease ran out: register it again.
            ServiceNotFoundError: the registry does not know it: register it.
            LeaseMismatchError: it was registered again, by somebody else.
            UnavailableError: no node could take it; the next heartbeat may.
        """
        self._leases.renew(name, instance_id, lease_id)

    def deregister(self, name: str, instance_id: str, lease_id: Optional[int] = None) -> None:
        """Takes an instance off the list. Deregistering once more what this client has deregistered does nothing.

        Args:
            lease_id: where given, must be the lease of the latest registration.

        Raises:
            ServiceNotFoundError: it is not listed.
            LeaseMismatchError: it was registered again, by somebody else, who keeps it.
            UnavailableError: no node could take it; the lease runs out by itself.
        """
        self._leases.remove(name, instance_id, lease_id)

    def get_service(self, name: str, *, consistency: Optional[str] = None) -> ServiceRecord:
        """Finds one instance of a service: one that is ``up`` if there is any, in turn, else the best of the others.

        Args:
            consistency: ``"stale"`` takes what one node knows at once, rather than the cluster's latest state.

        Raises:
            ServiceNotFoundError: no instance is listed.
            UnavailableError: no node could answer.
        """
        request = Request("GET", f"/v1/services/{arguments.service_name(name)}", _query(consistency=consistency))
        found = self._transport.call(request).content
        records = cast(List[ServiceRecord], found if isinstance(found, list) else [found])
        if not records:
            raise ServiceNotFoundError("service_not_found", f"No instance of {name} is listed.", value=name)
        return self._turns.pick(name, records)

    def get_instances(
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
        """Lists the instances of one service, healthy ones first; an empty list where there is none.

        The filters are those of ``list_services``.

        Raises:
            UnavailableError: no node could answer.
        """
        filters = filters_of(
            status=status,
            tag=tag,
            environment=environment,
            dependency=dependency,
            interface=interface,
            version=version,
            metadata=metadata,
            region=region,
            owner=owner,
        )
        return list(self._ask_instances(name, filters, consistency).records)

    def _ask_instances(
        self, name: str, filters: Filters, consistency: Optional[str] = None, timeout_seconds: Optional[float] = None
    ) -> RegistryAnswer:
        asked_at = self._clock.monotonic()
        path = f"/v1/services/{arguments.service_name(name)}/instances"
        query = filters.query() + _query(consistency=consistency)
        try:
            return _answer(self._transport.call(Request("GET", path, query), timeout_seconds=timeout_seconds), asked_at)
        except ServiceNotFoundError:
            return RegistryAnswer([], None, False, asked_at)

    def list_services(
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
        """Lists instances of all services by name and id.

        Args:
            status: ``up``, ``unhealthy`` or ``unknown``.
            tag: one tag, or several that must all be there.
            dependency: only those that depend on this service.
            environment: ``development``, ``staging`` or ``production``.
            interface: only those that offer this interface type.
            version: a version, or a range such as ``"^1.2"`` or ``">=2 <4"``.
            metadata: keys and what they must be; a list in the metadata needs to have the value among others.
            region, owner: the same for these keys of the metadata.
            name: beginning of the service name.
            limit: at most this many, up to 1000. By default all are read, page by page, each within the client's timeout;
                instances that come and go meanwhile neither hide others nor show them twice.
            offset: leaves out this many.
            consistency: ``"stale"`` takes what one node knows at once, rather than the cluster's latest state.

        Raises:
            ValidationError: a filter is wrong; ``field`` names it.
            UnavailableError: no node could answer.
        """
        filters = filters_of(
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
        )
        arguments.whole_number(offset, "offset", 0)
        if limit is None:
            return list(self._ask_list(filters, consistency).records)[offset:]
        arguments.whole_number(limit, "limit", 1)
        return list(self._ask_page(filters, consistency, (("limit", str(limit)), ("offset", str(offset))))[0].records)

    def _ask_list(self, filters: Filters, consistency: Optional[str] = None) -> RegistryAnswer:
        pages: List[RegistryAnswer] = []

        def read_page(cursor: str) -> Tuple[List[ServiceRecord], Optional[str]]:
            page = (("limit", str(PAGE_SIZE)), ("cursor", cursor))
            answer, following = self._ask_page(filters, consistency, page)
            pages.append(answer)
            return list(answer.records), following

        return joined(read_all(read_page), pages)

    def _ask_page(
        self, filters: Filters, consistency: Optional[str], page: Query
    ) -> Tuple[RegistryAnswer, Optional[str]]:
        """A page, and the cursor of the next one."""
        asked_at = self._clock.monotonic()
        query = filters.query() + _query(consistency=consistency) + page
        reply = self._transport.call(Request("GET", "/v1/services", query))
        return _answer(reply, asked_at), reply.headers.get("x-manifest-cursor")

    @overload
    def get_dependencies(self) -> DependencyGraph: ...

    @overload
    def get_dependencies(self, name: str, *, transitive: bool = False) -> ServiceDependencies: ...

    def get_dependencies(
        self, name: Optional[str] = None, *, transitive: bool = False
    ) -> Union[DependencyGraph, ServiceDependencies]:
        """Who depends on whom, as the services' metadata says: of all services, or of one.

        Args:
            name: the service whose dependencies are asked for. By default the whole graph, with what is missing, cycles
                and the order to start in.
            transitive: also over others.

        Raises:
            ServiceNotFoundError: no such service is listed, and none depends on it.
            UnavailableError: no node could answer.
        """
        if name is None:
            return cast(DependencyGraph, self._transport.call(Request("GET", "/v1/dependencies")).content)
        return cast(ServiceDependencies, self._relations(name, "dependencies", transitive))

    def get_dependents(self, name: str, *, transitive: bool = False) -> ServiceDependents:
        """What depends on a service, and how each of these is. The arguments are those of ``get_dependencies``."""
        return cast(ServiceDependents, self._relations(name, "dependents", transitive))

    def _relations(self, name: str, direction: str, transitive: bool) -> Any:
        path = f"/v1/services/{arguments.service_name(name)}/{direction}"
        query = _query(transitive="true" if transitive else None)
        return self._transport.call(Request("GET", path, query)).content

    def resolve(self, names: Iterable[str]) -> Dict[str, ServiceRecord]:
        """Finds one instance that is ``up`` of each service.

        Returns:
            The services' names, each with a record.

        Raises:
            DependenciesNotReadyError: some are not listed or not healthy; it names all of them.
            UnavailableError: no node could answer.
        """
        return dependencies.complete(
            dependencies.look_up_each(self._look_up, dependencies.checked_names(names), lambda: None)
        )

    def wait_for(
        self,
        names: Iterable[str],
        timeout: Optional[float] = 30.0,
        *,
        on_progress: Optional[Callable[[WaitProgress], None]] = None,
    ) -> Dict[str, ServiceRecord]:
        """Waits until an instance of each service is ``up``. A registry that cannot be reached is waited for, too.

        The registry is not asked again and again: it holds the question until something changes, and wakes the caller,
        also for services that are not listed yet.

        Args:
            timeout: seconds to wait at most; ``None`` for as long as it takes.
            on_progress: called after each look that found some not ready; what it raises ends the wait. The logger
                tells the same, at level INFO where something has changed.

        Returns:
            The services' names, each with a record, all of them found ready in one look.

        Raises:
            DependenciesNotReadyError: the time was over; it names all that are not ready, and why.
            ValidationError: an argument is wrong; ``field`` names it.
        """
        checked = dependencies.checked_names(names)
        wait = dependencies.Wait(arguments.optional_seconds(timeout, "timeout"), on_progress, self._clock)
        longest_seconds = self._transport.timeout_seconds
        return dependencies.wait_for(self._look_up, checked, wait, self._await_change, longest_seconds, self._clock)

    def _look_up(self, name: str, seconds: Optional[float]) -> "dependencies.Found":
        try:
            answer = self._ask_instances(name, Filters(), timeout_seconds=seconds)
        except (UnavailableError, RateLimitError) as error:
            return error
        return dependencies.Look(self._turns.pick(name, answer.records) if answer.records else None, answer.revision)

    def _await_change(self, awaited: "dependencies.Awaited") -> None:
        # The registry may hold a question for a sixteenth longer than it was asked to.
        held_seconds = awaited.seconds * 16 / 17
        path = f"/v1/services/{awaited.name}/instances"
        query = _query(index=str(awaited.after), wait=f"{max(1, int(held_seconds * 1_000))}ms")
        request = Request("GET", path, query, held_seconds=awaited.seconds)
        try:
            self._transport.call(request, rounds=1, timeout_seconds=awaited.limit_seconds)
        except (UnavailableError, RateLimitError):
            pass

    def watch(
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
    ) -> Watch:
        """Tells every change as it happens, without end, over whichever nodes answer. Nothing is lost, nothing told twice.

        >>> with client.watch(service="orchestrator", initial=True) as events:
        ...     for event in events:
        ...         print(event.type, event.name, event.id)

        Nothing is sent before the ``with`` block is entered or the first event is asked for.

        Args:
            initial: begins with the present state: a ``current`` event for each instance, then ``synced``. Otherwise with
                what happens from now on.
            from_revision: begins after this revision, such as the ``revision`` of an earlier watch; ``initial`` then says
                nothing. Where the registry's memory does not reach back so far, ``compacted`` says so, and the state
                follows.
            service: only this service.
            name: only services whose names begin so.
            patience: seconds without any node after which it fails with ``UnavailableError``; by default it never does.

        The other arguments are the filters of ``list_services``. What leaves the selection is told, too: the record of an
        event then no longer meets the conditions.

        Returns:
            An iterator of ``WatchEvent``, to be closed by ``with`` or ``close()``.

        Raises:
            ValidationError: an argument is wrong. What only the registry can judge is raised with the first event.
        """
        filters = filters_of(
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
            service=None if service is None else arguments.service_name(service, "service"),
        )
        if from_revision is not None:
            arguments.whole_number(from_revision, "from_revision", 0)
        patience_seconds = arguments.optional_seconds(patience, "patience")
        return self._watch(filters, initial, from_revision, patience_seconds)

    def _watch(
        self,
        filters: Filters,
        initial: bool = False,
        from_revision: Optional[int] = None,
        patience_seconds: Optional[float] = None,
    ) -> Watch:
        made = Watch(self._transport, filters.query(), initial, from_revision, patience_seconds, self._clock)
        self._watches.add(made)
        return made

    def health(self) -> HealthReport:
        """Asks each node in turn until one is healthy; if none is, returns what the last one reported.

        Raises:
            UnavailableError: no node answered.
        """
        try:
            return cast(HealthReport, self._transport.call(Request("GET", "/v1/health"), rounds=1).content)
        except UnavailableError as problem:
            if "status" in problem.details:
                return cast(HealthReport, dict(problem.details))
            raise

    def close(self) -> None:
        """Closes the connections and ends the watches. Instances stay registered; later calls raise ``ManifestError``."""
        self._transport.close()
        for each in list(self._watches):
            each.close()

    def forget_after_fork(self) -> None:
        """Called in a forked child."""
        self._leases.forget_after_fork()
        self._turns.forget_after_fork()
        self._transport.forget_after_fork()

    def __repr__(self) -> str:
        urls = ",".join(str(endpoint) for endpoint in self._endpoints)
        return f"{type(self).__name__}({urls!r})"


def registration_body(
    name: str,
    version: str,
    interfaces: Optional[Mapping[str, str]],
    metadata: Optional[Mapping[str, Any]],
    instance_id: Optional[str],
    ttl: Optional[Mapping[str, float]],
) -> Tuple[str, bytes]:
    """The instance's id and what to send. The arguments are those of ``register``."""
    arguments.service_name(name)
    if not interfaces:
        message = 'interfaces must name at least one interface, such as {"REST": "http://10.0.0.10:9000"}.'
        raise ValidationError("validation_error", message, field="interfaces", value=interfaces)
    own_id = f"{name}-{secrets.token_hex(4)}" if instance_id is None else instance_id
    arguments.instance_id(own_id)
    fields: Dict[str, Any] = {"name": name, "id": own_id, "version": version}
    for field, value in (("interfaces", interfaces), ("metadata", metadata), ("ttl", ttl)):
        if value is None:
            continue
        if not isinstance(value, Mapping):
            message = f"{field} must be a mapping, such as a dict; got {type(value).__name__}."
            raise ValidationError("validation_error", message, field=field)
        fields[field] = dict(value)
    return own_id, arguments.json_body(fields)


def _query(**parameters: Union[str, Iterable[str], None]) -> Tuple[Tuple[str, str], ...]:
    return tuple((key, value) for key, values in parameters.items() for value in arguments.one_or_many(values))


def _answer(reply: Reply, asked_at: float) -> RegistryAnswer:
    if not isinstance(reply.content, list):
        message = "The registry answered a list request with something that is no list."
        raise ManifestError("unexpected_answer", message)
    index = reply.headers.get("x-manifest-index", "")
    revision = int(index) if index.isascii() and index.isdigit() else None
    is_linearizable = "x-manifest-staleness-ms" not in reply.headers
    return RegistryAnswer(cast(List[ServiceRecord], reply.content), revision, is_linearizable, asked_at)
