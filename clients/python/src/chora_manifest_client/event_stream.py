"""One open answer of the registry that goes on and on: Server-Sent Events, as they arrive."""

from __future__ import annotations

import http.client
import os
import socket
import time
from typing import List, Mapping, Optional

from .connections import MAX_ANSWER_BYTES, Answer, Connection, NoAnswerError, reason_of
from .endpoints import Endpoint
from .event_text import EventText, SentEvent

#: The registry says something every 15 seconds at least; a node that has been silent for longer than this is left.
SILENCE_SECONDS = 40.0


class EndedError(Exception):
    """The stream came to its end, or broke: the watch is to be resumed."""


class EventStream:
    """Reads one connection, in one thread; ``abort`` ends it from any other, or from a signal handler."""

    def __init__(self, endpoint: Endpoint, connection: Connection) -> None:
        self.endpoint = endpoint
        self._connection = connection
        self._text = EventText()
        self._response: Optional[http.client.HTTPResponse] = None

    def begin(self, path: str, headers: Mapping[str, str], answer_seconds: float) -> Optional[Answer]:
        """Asks, and waits for the answer to begin. Returns it whole where it is not a stream of events.

        Raises:
            NoAnswerError: none came in time.
        """
        try:
            self._connection.stream.deadline = time.monotonic() + answer_seconds
            self._connection.http.request("GET", self.endpoint.base_path + path, headers=dict(headers))
            response = self._response = self._connection.http.getresponse()
            named = {key.lower(): value for key, value in response.getheaders()}
            if response.status == 200 and named.get("content-type", "").startswith("text/event-stream"):
                return None
            return Answer(response.status, named, response.read(MAX_ANSWER_BYTES))
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise NoAnswerError(f"no answer from {self.endpoint} ({reason_of(problem)})") from problem

    def read(self) -> List[SentEvent]:
        """Waits for the next piece and returns the events that it completes, which may be none.

        Raises:
            EndedError: there is nothing more to come from here.
            ValueError: this is not what a registry sends.
        """
        try:
            self._connection.stream.deadline = time.monotonic() + SILENCE_SECONDS
            piece = self._response.read1(65_536) if self._response else b""
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise EndedError(f"the stream from {self.endpoint} broke off ({reason_of(problem)})") from problem
        if not piece:
            raise EndedError(f"{self.endpoint} ended the stream")
        return self._text.take(piece)

    def abort(self) -> None:
        """Wakes whoever reads, with ``EndedError``. The reader closes."""
        try:
            # The system's own, below TLS: that would take the session from under the thread which reads.
            socket.socket.shutdown(self._connection.stream.raw, socket.SHUT_RDWR)
        except OSError:
            pass  # not connected any more

    def close(self) -> None:
        """Called by the reader."""
        self._connection.close()
        if self._response is not None:
            self._response.close()

    def forget_after_fork(self) -> None:
        """Leaves the connection to the parent. Touches no buffer, as a thread of the parent's may hold its lock."""
        descriptor = self._connection.stream.raw.detach()
        if descriptor >= 0:
            os.close(descriptor)
