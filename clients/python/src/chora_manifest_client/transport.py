"""One call to the registry: over several nodes, several times where that can help, within one limit of time."""

from __future__ import annotations

import json
import logging
import ssl
import time
import uuid
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union
from urllib.parse import urlencode

from ._version import __version__
from .connections import Answer, ClosedError, ConnectionPool, NoAnswerError, NotSentError
from .endpoints import SET_ASIDE_SECONDS, Endpoint, EndpointOrder
from .errors import (
    ManifestError,
    OutcomeUnknownError,
    RateLimitError,
    ServiceNotFoundError,
    UnavailableError,
    error_from_answer,
)
from .event_stream import EventStream
from .retries import Budget, Clock, connect_seconds, retry_after_seconds

_logger = logging.getLogger("chora_manifest_client")


@dataclass(frozen=True)
class Request:
    """What to ask. Every request of this client may be repeated: registrations carry their id."""

    method: str
    path: str
    query: Tuple[Tuple[str, str], ...] = ()
    body: Optional[bytes] = None
    #: "Not listed" is success where an earlier attempt, whose answer was lost, may have done the work.
    is_removal: bool = False
    #: For so long the registry may keep the answer back, as it was asked to.
    held_seconds: float = 0.0


@dataclass(frozen=True)
class Reply:
    """A good answer."""

    headers: Mapping[str, str]
    content: Any
    #: An earlier attempt, whose answer was lost, may have been carried out as well, and may still be.
    maybe_repeated: bool = False


@dataclass(frozen=True)
class _Failure:
    error: ManifestError
    may_have_happened: bool
    sent_twice: bool = False


class Transport:
    """Carries requests to whichever node answers. Thread safe."""

    def __init__(
        self,
        endpoints: Tuple[Endpoint, ...],
        auth_token: Optional[str],
        timeout_seconds: float,
        retries: int,
        ssl_context: Optional[ssl.SSLContext] = None,
        clock: Optional[Clock] = None,
    ) -> None:
        self._clock = clock or Clock()
        self._order = EndpointOrder(endpoints, self._clock.monotonic)
        self.endpoints = endpoints
        self._pool = ConnectionPool(ssl_context)
        self._auth_token = auth_token
        self._timeout_seconds = timeout_seconds
        self._rounds = retries + 1

    @property
    def timeout_seconds(self) -> float:
        """The limit of one call where none is given."""
        return self._timeout_seconds

    def close(self) -> None:
        """Closes every connection."""
        self._pool.close()

    def forget_after_fork(self) -> None:
        """Leaves the parent's connections to the parent."""
        self._pool.forget_after_fork()

    def open_stream(self, endpoint: Endpoint) -> EventStream:
        """Connects to a node, for an answer that goes on and on; the caller closes it.

        Raises:
            NotSentError: that was not possible in time.
            ClosedError: the client was closed.
        """
        deadline = time.monotonic() + connect_seconds(self._timeout_seconds)
        return EventStream(endpoint, self._pool.open(endpoint, deadline))

    def begin_stream(self, stream: EventStream, request: Request) -> None:
        """Sends the request and waits for the first word of the answer.

        Raises:
            ManifestError: a refusal, or something that is no stream of events.
            NoAnswerError: none came within the limit of a call.
        """
        request_id = uuid.uuid4().hex
        headers = {**self._headers(request, request_id), "Accept": "text/event-stream"}
        answer = stream.begin(_target(request), headers, self._timeout_seconds)
        if answer is None:
            return
        outcome = self._read(stream.endpoint, answer, request_id)
        if isinstance(outcome, _Failure):
            raise outcome.error
        message = f"{stream.endpoint} answered a watch with something that is no stream of events; is it a registry?"
        raise ManifestError("unexpected_answer", message, request_id=request_id, http_status=answer.status)

    def call(self, request: Request, rounds: Optional[int] = None, timeout_seconds: Optional[float] = None) -> Reply:
        """Sends the request until a node gives an answer that another attempt could not better.

        Args:
            rounds: how often all nodes are asked, where it is not as often as ever.
            timeout_seconds: limit for this call, where it is not the client's own.

        Raises:
            ManifestError: the registry's refusal; ``UnavailableError`` where time or rounds ran out, or
                ``OutcomeUnknownError`` if the call is a write that may have happened.
        """
        request_id = uuid.uuid4().hex
        budget = Budget(timeout_seconds or self._timeout_seconds, rounds or self._rounds, self._clock)
        may_have_happened = False
        while True:
            waits_seconds: List[float] = []
            problems: Dict[Endpoint, str] = {}
            to_ask = self._order.in_order()
            while to_ask:
                endpoint = to_ask.pop(0)
                attempt_seconds = budget.attempt_seconds(is_last_of_round=not to_ask, held_seconds=request.held_seconds)
                outcome = self._attempt(endpoint, request, request_id, attempt_seconds)
                if isinstance(outcome, Reply):
                    return replace(outcome, maybe_repeated=outcome.maybe_repeated or may_have_happened)
                error = outcome.error
                if request.is_removal and isinstance(error, ServiceNotFoundError):
                    if may_have_happened or outcome.sent_twice:
                        return Reply({}, None)
                may_have_happened = may_have_happened or outcome.may_have_happened
                if not error.retryable:
                    raise error
                _logger.debug("%s %s at %s: %s", request.method, request.path, endpoint, error)
                problems[endpoint] = error.message
                if error.retry_after_seconds is not None:
                    waits_seconds.append(error.retry_after_seconds)
                if isinstance(error, RateLimitError):
                    break  # asking the next node at once would be the very thing that it complains about
                if budget.left_seconds <= request.held_seconds:
                    break  # another node could not keep it back for so long
            if not budget.next_round(min(waits_seconds, default=0.0)):
                raise _last_word(error, problems, request, may_have_happened)

    def _attempt(
        self, endpoint: Endpoint, request: Request, request_id: str, attempt_seconds: float
    ) -> Union[Reply, _Failure]:
        try:
            answer = self._pool.exchange(
                endpoint,
                request.method,
                _target(request),
                self._headers(request, request_id),
                request.body,
                connect_seconds(attempt_seconds),
                attempt_seconds,
            )
        except (NotSentError, NoAnswerError) as problem:
            self._order.failed(endpoint)
            error = UnavailableError("service_unavailable", f"{problem}.", request_id=request_id, retryable=True)
            return _Failure(error, may_have_happened=isinstance(problem, NoAnswerError))
        except ClosedError as problem:
            raise ManifestError("client_closed", "This ManifestClient was closed; make another one.") from problem
        outcome = self._read(endpoint, answer, request_id)
        if isinstance(outcome, _Failure) and outcome.error.retryable:
            self._order.failed(endpoint, max(SET_ASIDE_SECONDS, outcome.error.retry_after_seconds or 0.0))
        else:
            self._order.succeeded(endpoint)
        return outcome

    def _read(self, endpoint: Endpoint, answer: Answer, request_id: str) -> Union[Reply, _Failure]:
        try:
            content = json.loads(answer.body) if answer.body else None
        except (ValueError, RecursionError):
            content = None
            if answer.status < 300:
                # Text in place of JSON: a proxy's page, or the URL of something else.
                message = f"{endpoint} answered {answer.status} with something that is not JSON; is it a registry?"
                return _Failure(
                    ManifestError("unexpected_answer", message, request_id=request_id, http_status=answer.status),
                    may_have_happened=True,
                )
        if 200 <= answer.status < 300:
            return Reply(answer.headers, content, maybe_repeated=answer.sent_twice)
        asked_seconds = retry_after_seconds(answer.headers, self._clock.wall())
        error = error_from_answer(answer.status, content, request_id, asked_seconds, str(endpoint))
        # The registry's own 429 and 503 say that it did not happen; a proxy's 502 and 504 say nothing of the kind.
        surely_not = answer.status in (429, 503) and isinstance(content, dict)
        return _Failure(error, may_have_happened=error.retryable and not surely_not, sent_twice=answer.sent_twice)

    def _headers(self, request: Request, request_id: str) -> Dict[str, str]:
        headers = {
            "Accept": "application/json",
            "User-Agent": f"chora-manifest-client/{__version__}",
            "X-Request-Id": request_id,
        }
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if self._auth_token is not None:
            headers["Authorization"] = f"Bearer {self._auth_token}"
        return headers


def _target(request: Request) -> str:
    return request.path + (f"?{urlencode(request.query)}" if request.query else "")


def _last_word(
    error: ManifestError, problems: Mapping[Endpoint, str], request: Request, may_have_happened: bool
) -> ManifestError:
    """The last node's error, with what each node said where several were asked."""
    message = error.message
    if len(problems) > 1:
        message = "No node could answer: " + " ".join(f"[{endpoint}] {said}" for endpoint, said in problems.items())
    is_of_unknown_outcome = may_have_happened and request.method != "GET"
    if is_of_unknown_outcome and not isinstance(error, OutcomeUnknownError):
        message = f"{message} An earlier attempt may have been carried out; repeating the call is safe."
        return error.retold(message, "outcome_unknown", OutcomeUnknownError)
    return error.retold(message)
