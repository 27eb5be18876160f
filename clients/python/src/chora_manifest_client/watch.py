"""Changes of the registry as they happen, whatever happens to single nodes meanwhile."""

from __future__ import annotations

import logging
import queue
from collections import deque
from types import TracebackType
from typing import Deque, Iterator, Optional, Type

from . import fork_safety
from .connections import ClosedError, NoAnswerError, NotSentError
from .errors import ForbiddenError, ManifestError, UnauthorizedError, UnavailableError, ValidationError
from .event_stream import EndedError, EventStream
from .filters import Query
from .reconnects import Reconnects
from .retries import Clock
from .transport import Request, Transport
from .watch_events import PROGRESS, EventOrder, WatchEvent

_logger = logging.getLogger("chora_manifest_client")

#: What a node may do to its part of a watch; the watch goes on at another one.
_SETBACKS = (NotSentError, NoAnswerError, EndedError, ManifestError, ValueError)


class Watch:
    """Events of the registry, one after another, without end. ``ManifestClient.watch`` makes it.

    A node that stops, hangs or falls behind is left for another one, where the watch goes on after the last event: none is
    lost and none is told twice. A state (``initial``, or after ``compacted``) is told only when it is there as a whole.

    Entering a ``with`` block waits until the watch has begun: what is written from then on will be told.
    One thread takes the events; ``close`` ends it from any thread and from signal handlers. In a forked child it goes on
    with a connection of the child's own.

    Attributes:
        revision: everything through this revision was told; a later watch can begin there. ``None`` before the first.
    """

    def __init__(
        self,
        transport: Transport,
        query: Query,
        initial: bool,
        from_revision: Optional[int],
        patience_seconds: Optional[float],
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._query = query
        self._initial = initial
        self.revision = from_revision
        self._ready: Deque[WatchEvent] = deque()
        self._order = EventOrder()
        self._reconnects = Reconnects(transport.endpoints, clock, patience_seconds)
        self._endpoint = self._reconnects.next_endpoint()
        self._stream: Optional[EventStream] = None
        self._has_begun = False
        self._is_connected = False
        self._is_closed = False
        self._monotonic = clock.monotonic
        #: When a node that tells was heard last, be it with a sign of life only; on the clock's monotonic time, in seconds.
        self.heard_at = float("-inf")
        # A queue rather than an event, as a signal handler may ring it in the middle of anything.
        self._bell: "queue.SimpleQueue[None]" = queue.SimpleQueue()
        fork_safety.watch(self)

    @property
    def is_connected(self) -> bool:
        """Whether a node is telling changes just now: from its first event, or first whole state, until it is left."""
        return self._is_connected

    @property
    def is_closed(self) -> bool:
        """Whether it ended, or is about to: no more events."""
        return self._is_closed

    def __iter__(self) -> Iterator[WatchEvent]:
        return self

    def __next__(self) -> WatchEvent:
        """Waits for the next event.

        Raises:
            StopIteration: the watch or its client was closed.
            ManifestError: the registry refuses it, or no node could be reached for as long as ``patience`` allows.
        """
        while True:
            event = self._next_of_any_kind()
            if event is None:
                raise StopIteration
            if event.type != PROGRESS:
                return event

    def _next_of_any_kind(self) -> Optional[WatchEvent]:
        """Waits for the next event or ``progress``. ``None`` once the watch was closed."""
        while not self._is_closed:
            if not self._ready:
                self._fill()
                continue
            # Taken off last: a signal handler that raises in between takes nothing with it.
            event = self._ready[0]
            self._note(event)
            self._ready.popleft()
            return event
        return None

    def _note(self, event: WatchEvent) -> None:
        if event.revision is not None and event.type != "compacted":
            self.revision = event.revision

    def close(self) -> None:
        """Ends the watch at once; whoever waits for an event gets none. May be called more than once, from anywhere."""
        self._is_closed = True
        self._is_connected = False
        stream = self._stream
        if stream is not None:
            stream.abort()
        self._bell.put(None)

    def __enter__(self) -> "Watch":
        try:
            while self._told() is None and not self._is_closed:
                self._fill()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()
        self._drop_stream()

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self._drop_stream()

    def _told(self) -> Optional[int]:
        """Where to go on: after what was told, or is ready to be."""
        return self._ready[-1].revision if self._ready else self.revision

    def _fill(self) -> None:
        """Waits for something to be told: for a while, so that it may also return with nothing."""
        try:
            stream = self._stream
            if stream is None or not self._has_begun:
                stream = self._connected()
            for sent in stream.read():
                self._ready.extend(self._order.take(sent, self._told()))
                self._is_connected = not (self._is_closed or self._order.is_holding_back)
            self._reconnects.heard()
            if self._is_connected:
                self.heard_at = self._monotonic()
        except _SETBACKS as problem:
            self._set_back(problem)
        except ClosedError:
            self.close()
        except BaseException:
            self._drop_stream()
            raise

    def _connected(self) -> EventStream:
        self._drop_stream()
        self._endpoint = self._reconnects.next_endpoint()
        stream = self._transport.open_stream(self._endpoint)
        self._stream = stream
        if self._is_closed:
            raise EndedError("closed")
        self._transport.begin_stream(stream, Request("GET", "/v1/watch", self._query + self._beginning()))
        self._reconnects.begun(self._endpoint)
        self._has_begun = True
        return stream

    def _beginning(self) -> Query:
        # In the address rather than as Last-Event-ID: a proxy that drops a header must not make changes disappear.
        told = self._told()
        if told is not None:
            return (("from", str(told)),)
        return (("initial", "true"),) if self._initial else ()

    def _set_back(self, problem: Exception) -> None:
        has_begun = self._told() is not None
        self._drop_stream()
        if self._is_closed:
            return
        if isinstance(problem, ManifestError) and _is_final(problem, has_begun):
            self.close()
            raise problem
        asked_seconds = problem.retry_after_seconds if isinstance(problem, ManifestError) else None
        delay_seconds = self._reconnects.failed(self._endpoint, asked_seconds)
        if delay_seconds is None:
            self.close()
            message = f"No node could be watched; the last one: {problem}."
            raise UnavailableError("service_unavailable", message, retryable=True) from problem
        level = logging.INFO if self._reconnects.failures == 1 else logging.WARNING
        _logger.log(level, "the watch goes on in %.1f s: %s", delay_seconds, problem)
        try:
            self._bell.get(timeout=delay_seconds)
        except queue.Empty:
            pass

    def _drop_stream(self) -> None:
        self._has_begun = False
        self._is_connected = False
        # A state that was cut short is asked for again as a whole.
        self._order = EventOrder()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def forget_after_fork(self) -> None:
        """In a forked child: the connection is the parent's."""
        self._bell = queue.SimpleQueue()
        self._order = EventOrder()
        self._has_begun = False
        self._is_connected = False
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.forget_after_fork()


def _is_final(error: ManifestError, has_begun: bool) -> bool:
    """Whether no other node would say anything else. What was watched before is watched again after all but a refusal."""
    if isinstance(error, (ValidationError, UnauthorizedError, ForbiddenError)):
        return True
    return not error.retryable and not has_begun
