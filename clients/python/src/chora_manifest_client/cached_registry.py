"""Reads that are answered from memory for a while, and from the last known answers while no node can be reached."""

from __future__ import annotations

import functools
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from . import arguments, fork_safety
from .answers import LastAnswers, Question, RegistryAnswer
from .errors import ManifestError, RateLimitError, ServiceNotFoundError, UnavailableError
from .filters import Filters, MetadataValue, filters_of
from .records import ServiceRecord
from .selection import TurnTaker

if TYPE_CHECKING:
    from .client import ManifestClient

_logger = logging.getLogger("chora_manifest_client")

#: That nothing is listed is believed for less long than anything else: services that start wait for each other.
_LIFETIME_OF_NOTHING_SECONDS = 1.0

#: After a failure, last known answers are given at once for so long, so that only one call in a while waits in vain.
_PAUSE_SECONDS = 2.0

#: Answers that are too old are dropped once there are more than this.
_MANY = 1_000


class CachedRegistry:
    """Looks services up as ``ManifestClient`` does, and remembers the answers.

    It is an object of its own, rather than an option of the client, so that a reader of the program sees at each call
    whether it may be answered from memory; ``resolve``, ``wait_for`` and all writes never are.

    - An answer is given from memory for ``cache_ttl`` seconds. Then one caller asks again, and the others wait for it.
    - While no node can be reached, the last known answer is given for up to ``keep`` seconds.
    - A full answer is never replaced by an empty one that is not confirmed: by a linearizable read, at a revision that
      is no older. A registry that came back without its data cannot make services vanish at once.

    Thread safe. Calls that end in ``_async`` return at once where memory can answer.

    >>> registry = CachedRegistry(client, cache_ttl=30)
    >>> url = registry.get_service("orchestrator")["interfaces"]["REST"]
    """

    def __init__(self, client: "ManifestClient", cache_ttl: float = 30.0, keep: float = 300.0) -> None:
        """Prepares an empty cache.

        Args:
            client: asks the registry. It stays the caller's, to be closed by the caller.
            cache_ttl: seconds for which an answer is given without asking.
            keep: seconds for which an answer may be given while no node can be reached.

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
        self._pause_until = float("-inf")
        fork_safety.watch(self)

    def get_service(self, name: str) -> ServiceRecord:
        """See ``ManifestClient.get_service``. The remembered instances are given in turn."""
        return self._turns.pick(name, _some(name, self.get_instances(name)))

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
        return self._answer(*self._instances_question(name, filters))

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
        return self._answer(*self._list_question(filters))

    async def get_service_async(self, name: str) -> ServiceRecord:
        """See ``get_service``."""
        return self._turns.pick(name, _some(name, await self.get_instances_async(name)))

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
        return await self._answer_async(*self._instances_question(name, filters))

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
        return await self._answer_async(*self._list_question(filters))

    def clear(self) -> None:
        """Forgets everything: the next calls ask the registry."""
        self._answers.forget_all()
        self._pause_until = float("-inf")

    def forget_after_fork(self) -> None:
        """In a forked child, which has none of the parent's threads to finish what they ask."""
        self._asking = {}
        self._turns.forget_after_fork()

    def _instances_question(self, name: str, filters: Filters) -> "Tuple[Question, Callable[[], RegistryAnswer]]":
        arguments.service_name(name)
        return ("instances", name, filters), functools.partial(self._client._ask_instances, name, filters)

    def _list_question(self, filters: Filters) -> "Tuple[Question, Callable[[], RegistryAnswer]]":
        return ("list", filters), functools.partial(self._client._ask_list, filters)

    def _answer(self, question: Question, ask: Callable[[], RegistryAnswer]) -> List[ServiceRecord]:
        answer = self._remembered(question) or self._asked_once(question, ask)
        return answer.copies()

    def _asked_once(self, question: Question, ask: Callable[[], RegistryAnswer]) -> RegistryAnswer:
        """Asks, or waits for what another thread that is asking the same is told, be it an error."""
        own = _Asking()
        asking = self._asking.setdefault(question, own)
        if asking is not own and asking.thread != own.thread:
            return asking.future.result()
        # A signal handler that interrupts its own thread's question asks once more: it would wait for itself.
        try:
            answer = self._remembered(question) or self._refreshed(question, ask)
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

    async def _answer_async(
        self, question: Question, ask: Callable[[], RegistryAnswer]
    ) -> List[ServiceRecord]:
        answer = self._remembered(question)
        if answer is not None:
            return answer.copies()
        return await self._client._in_thread(functools.partial(self._answer, question, ask))

    def _remembered(self, question: Question) -> Optional[RegistryAnswer]:
        """An answer that may be given without asking."""
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

    def _refreshed(self, question: Question, ask: Callable[[], RegistryAnswer]) -> RegistryAnswer:
        answer: Optional[RegistryAnswer] = None
        problem: ManifestError
        try:
            answer = ask()
        except ManifestError as error:
            if not _is_silence(error):
                raise
            problem = error
        else:
            if self._answers.accept(question, answer):
                self._pause_until = float("-inf")
                self._answers.forget_older_than(self._monotonic() - self._keep_seconds, _MANY)
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


def _some(name: str, records: List[ServiceRecord]) -> List[ServiceRecord]:
    if not records:
        raise ServiceNotFoundError("service_not_found", f"No instance of {name} is listed.", value=name)
    return records
