"""Reads that are answered from memory, which watches keep level, and from the last known answers while no node answers."""

from __future__ import annotations

import functools
import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional, Type, Union

from . import arguments, fork_safety
from .answers import LastAnswers, Question, RegistryAnswer, copied
from .errors import ManifestError, RateLimitError, ServiceNotFoundError, UnavailableError
from .filters import Filters, MetadataValue, filters_of
from .mirror import Mirror
from .records import ServiceRecord
from .selection import TurnTaker, health_rank

if TYPE_CHECKING:
    from .client import ManifestClient

_logger = logging.getLogger("chora_manifest_client")

#: That nothing is listed is believed for less long than anything else: services that start wait for each other.
_LIFETIME_OF_NOTHING_SECONDS = 1.0

#: After a failure, last known answers are given at once for so long, so that only one call in a while waits in vain.
_PAUSE_SECONDS = 2.0

#: Answers that are too old are dropped once there are more than this.
_MANY = 1_000

#: Questions that are watched at once, each over a connection of its own. Others are asked again after ``cache_ttl``.
MIRRORS_AT_MOST = 32


class CachedRegistry:
    """Looks services up as ``ManifestClient`` does, and remembers the answers.

    It is an object of its own, rather than an option of the client, so that a reader of the program sees at each call
    whether it may be answered from memory; ``resolve``, ``wait_for`` and all writes never are.

    - The first time, a question is asked. From then on a watch keeps its answer level: reads cost no request, however
      many there are, and show a change as soon as the watch tells it. At most 32 questions are watched at once; one that
      nobody has asked for ``keep`` seconds makes room for others.
    - While no watch keeps it level, because its node was lost, there are too many, or the question has a ``version``, an
      answer is given from memory for ``cache_ttl`` seconds. Then one caller asks again, and the others wait for it.
    - While no node can be reached, the last known answer is given for up to ``keep`` seconds. Then reads fail with
      ``UnavailableError``.
    - Reads do not go back in time, and a full answer is never replaced by an empty one that is not confirmed: by a
      linearizable read or the registry's own order of changes, at a revision that is no older. A registry that came
      back without its data cannot make services vanish at once.

    What a read shows is behind by what the watch takes to tell a change, some milliseconds as a rule. Where the node that
    tells falls silent it is behind by up to 20 seconds, or ``cache_ttl`` if that is more; where that node is cut off from
    its cluster, by up to 30 seconds until it ends the watch.
    ``last_heartbeat`` is that of the latest change, as heartbeats that change nothing are not told.

    Thread safe. Calls that end in ``_async`` return at once where memory can answer. The watches run in daemon threads
    and end with the cache, with ``close``, and with the client.

    >>> registry = CachedRegistry(client)
    >>> url = registry.get_service("orchestrator")["interfaces"]["REST"]
    """

    def __init__(
        self, client: "ManifestClient", cache_ttl: float = 30.0, keep: float = 300.0, *, watch: bool = True
    ) -> None:
        """Prepares an empty cache; nothing is sent before the first read.

        Args:
            client: asks the registry. It stays the caller's, to be closed by the caller.
            cache_ttl: seconds for which an answer that no watch keeps level is given without asking.
            keep: seconds for which an answer may be given while no node can be reached.
            watch: whether answers are kept level by watches. Without, they are asked for again after ``cache_ttl``.

        Raises:
            ValidationError: an argument is unusable; ``field`` names it.
        """
        self._client = client
        self._ttl_seconds = arguments.positive_seconds(cache_ttl, "cache_ttl")
        self._keep_seconds = arguments.positive_seconds(keep, "keep")
        self._monotonic = client._clock.monotonic
        self._answers = LastAnswers()
        self._turns = TurnTaker()
        self._asking: Dict[Question, _Asking] = {}
        self._watches = watch
        self._mirrors: Dict[Question, Mirror] = {}
        self._pause_until = float("-inf")
        fork_safety.watch(self)

    def get_service(self, name: str) -> ServiceRecord:
        """See ``ManifestClient.get_service``. The remembered instances are given in turn."""
        return self._picked(name, self._answer(_instances_of(name)))

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
    ) -> List[ServiceRecord]:
        """See ``ManifestClient.get_instances``."""
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
        )
        return self._answer(_instances_of(name, filters)).copies()

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
    ) -> List[ServiceRecord]:
        """See ``ManifestClient.list_services``; always all pages."""
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
        return self._answer(_list_of(filters)).copies()

    async def get_service_async(self, name: str) -> ServiceRecord:
        """See ``get_service``."""
        return self._picked(name, await self._answer_async(_instances_of(name)))

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
    ) -> List[ServiceRecord]:
        """See ``get_instances``."""
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
        )
        return (await self._answer_async(_instances_of(name, filters))).copies()

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
    ) -> List[ServiceRecord]:
        """See ``list_services``."""
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
        return (await self._answer_async(_list_of(filters))).copies()

    def clear(self) -> None:
        """Forgets everything: the next calls ask the registry."""
        self._end_watches()
        self._answers.forget_all()
        self._pause_until = float("-inf")

    def close(self) -> None:
        """Ends the watches. Later reads are asked for again after ``cache_ttl``."""
        self._watches = False
        self._end_watches()

    def __enter__(self) -> "CachedRegistry":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # The threads know their mirrors only, so that those of a cache which nobody holds any more end.
        if hasattr(self, "_mirrors"):
            self._end_watches()

    def _end_watches(self) -> None:
        ended, self._mirrors = self._mirrors, {}
        for mirror in list(ended.values()):
            mirror.close()

    def forget_after_fork(self) -> None:
        """In a forked child, which has none of the parent's threads to finish what they ask, or to take events."""
        self._asking = {}
        self._mirrors = {}
        self._turns.forget_after_fork()

    def _picked(self, name: str, answer: RegistryAnswer) -> ServiceRecord:
        if not answer.records:
            raise ServiceNotFoundError("service_not_found", f"No instance of {name} is listed.", value=name)
        return copied(self._turns.pick(name, answer.records))

    def _answer(self, lookup: "_Lookup") -> RegistryAnswer:
        return self._remembered(lookup.question) or self._asked_once(lookup)

    def _asked_once(self, lookup: "_Lookup") -> RegistryAnswer:
        """Asks, or waits for what another thread that is asking the same is told, be it an error."""
        question = lookup.question
        own = _Asking()
        asking = self._asking.setdefault(question, own)
        if asking is not own and asking.thread != own.thread:
            return asking.future.result()
        # A signal handler that interrupts its own thread's question asks once more: it would wait for itself.
        try:
            answer = self._remembered(question) or self._refreshed(lookup)
            own.future.set_result(answer)
            return answer
        except Exception as problem:
            own.future.set_exception(problem)
            raise
        finally:
            if not own.future.done():
                message = "The thread that was asking for all was interrupted; ask again."
                own.future.set_exception(UnavailableError("service_unavailable", message, retryable=True))
            if asking is own:
                self._asking.pop(question, None)

    async def _answer_async(self, lookup: "_Lookup") -> RegistryAnswer:
        answer = self._remembered(lookup.question)
        if answer is not None:
            return answer
        return await self._client._in_thread(functools.partial(self._answer, lookup))

    def _remembered(self, question: Question) -> Optional[RegistryAnswer]:
        """An answer that may be given without asking."""
        mirror = self._mirrors.get(question)
        if mirror is not None:
            told = mirror.answer()
            if told is not None and self._answers.follow(question, told) and mirror.is_level:
                return told
        answer = self._answers.get(question)
        if answer is None:
            return None
        now = self._monotonic()
        age_seconds = now - answer.at
        lifetime_seconds = self._ttl_seconds
        if not answer.records:
            lifetime_seconds = min(lifetime_seconds, _LIFETIME_OF_NOTHING_SECONDS)
        if age_seconds < lifetime_seconds or (now < self._pause_until and age_seconds < self._keep_seconds):
            return answer
        return None

    def _refreshed(self, lookup: "_Lookup") -> RegistryAnswer:
        question = lookup.question
        answer: Optional[RegistryAnswer] = None
        problem: ManifestError
        try:
            answer = lookup.ask(self._client)
        except ManifestError as error:
            if not _is_silence(error):
                raise
            problem = error
        else:
            if self._answers.accept(question, answer):
                self._pause_until = float("-inf")
                self._answers.forget_older_than(self._monotonic() - self._keep_seconds, _MANY)
                self._watch(lookup)
                return answer
            problem = ManifestError("unconfirmed", "The registry lists nothing any more, and shows an older state.")
        last = self._answers.get(question)
        now = self._monotonic()
        if last is not None and now - last.at < self._keep_seconds:
            self._pause_until = now + _PAUSE_SECONDS
            _logger.warning("answering from %.0f s ago: %s", now - last.at, problem)
            return last
        self._answers.forget(question)
        if answer is None:
            raise problem
        self._answers.accept(question, answer)
        return answer

    def _watch(self, lookup: "_Lookup") -> None:
        """Keeps the answer level from now on, where that is possible."""
        if not self._watches or not lookup.filters.are_judged_here:
            return
        unread_since = self._monotonic() - self._keep_seconds
        for question, mirror in list(self._mirrors.items()):
            if mirror.has_ended or mirror.read_at < unread_since:
                self._mirrors.pop(question, None)
                mirror.close()
        if lookup.question in self._mirrors or len(self._mirrors) >= MIRRORS_AT_MOST:
            return
        watch = self._client._watch(lookup.filters, initial=True)
        mirror = Mirror(watch, lookup.filters, lookup.order, self._monotonic)
        if self._mirrors.setdefault(lookup.question, mirror) is not mirror:
            return  # a signal handler was quicker
        try:
            mirror.start()
        except RuntimeError as problem:  # no more threads, or the interpreter is about to end
            self._mirrors.pop(lookup.question, None)
            _logger.info("answers are not kept level by a watch: %s", problem)


@dataclass(frozen=True)
class _Lookup:
    """What a caller wants to know."""

    question: Question
    ask: "Callable[[ManifestClient], RegistryAnswer]"
    #: What a watch of the same is to tell.
    filters: Filters
    #: The registry's order of the records, as a key to sort by.
    order: Callable[[ServiceRecord], Any]


def _instances_of(name: str, filters: Filters = Filters()) -> _Lookup:
    arguments.service_name(name)
    return _Lookup(
        ("instances", name, filters),
        lambda client: client._ask_instances(name, filters),
        replace(filters, service=name),
        lambda record: (health_rank(record), record["id"]),
    )


def _list_of(filters: Filters) -> _Lookup:
    return _Lookup(
        ("list", filters),
        lambda client: client._ask_list(filters),
        filters,
        lambda record: (record["name"], record["id"]),
    )


class _Asking:
    """One question on its way."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.future: "Future[RegistryAnswer]" = Future()


def _is_silence(error: ManifestError) -> bool:
    """Whether the registry said nothing of the matter: no node could be reached, or something else answered."""
    return isinstance(error, (UnavailableError, RateLimitError)) or error.error_code in (
        "internal_error",
        "unexpected_answer",
    )

