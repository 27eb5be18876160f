"""Connections to the nodes, kept open between requests and shared by all threads."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Deque, Dict, List, Mapping, Optional

from . import addresses
from .endpoints import Endpoint
from .timed_socket import TimedSocket

#: Open connections to one node that wait for the next request; more are closed after use.
MAX_IDLE_PER_ENDPOINT = 8

#: Shorter than the time for which servers and proxies commonly keep a silent connection.
MAX_IDLE_SECONDS = 50.0

#: The largest page of the longest records is about 10 MB.
MAX_ANSWER_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back: header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: The request went out twice, as a kept connection broke under it: the node may have taken it twice.
    sent_twice: bool = False


class NotSentError(Exception):
    """The request cannot have reached the node: repeating it elsewhere repeats nothing."""


class NoAnswerError(Exception):
    """The request may have reached the node, and no complete answer came back."""


class ClosedError(Exception):
    """The client was closed."""


@dataclass(frozen=True)
class Connection:
    """An open connection. http.client lets go of its socket where a node announces that it will close; we do not."""

    http: http.client.HTTPConnection
    stream: TimedSocket
    idle_since: float = 0.0

    def close(self) -> None:
        self.http.close()
        self.stream.close()


class ConnectionPool:
    """Hands a connection to one request at a time.

    Thread safe without a lock, by operations of ``dict`` and ``deque`` that are atomic. So it is also usable in a forked
    child, and in a signal handler that interrupts a call half-way, where a lock would be held for ever.
    """

    def __init__(self, ssl_context: Optional[ssl.SSLContext] = None) -> None:
        self._ssl_context = ssl_context
        self._idle: Dict[Endpoint, Deque[Connection]] = {}
        self._closed = False

    def exchange(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Optional[bytes],
        connect_seconds: float,
        answer_seconds: float,
    ) -> Answer:
        """Sends one request and reads its whole answer.

        A kept connection that the node closed in the meantime is replaced at once.

        Args:
            connect_seconds: limit for opening a connection, from the name's lookup to the end of the TLS handshake.
            answer_seconds: limit for everything, from now to the last byte of the answer.

        Raises:
            NotSentError: nothing was sent.
            NoAnswerError: something was sent.
        """
        deadline = time.monotonic() + answer_seconds
        kept = self._take(endpoint)
        if kept is not None:
            try:
                return self._exchange_on(kept, endpoint, method, path, headers, body, deadline)
            except _ClosedByNode:
                pass
        try:
            fresh = self.open(endpoint, min(time.monotonic() + connect_seconds, deadline))
            answer = self._exchange_on(fresh, endpoint, method, path, headers, body, deadline)
        except _ClosedByNode as problem:
            raise NoAnswerError(f"{endpoint} closed the connection without an answer") from problem
        except NotSentError as problem:
            # The kept connection may have carried the request to the node before it broke.
            raise (problem if kept is None else NoAnswerError(str(problem))) from problem
        return answer if kept is None else replace(answer, sent_twice=True)

    def close(self) -> None:
        """Closes the waiting connections now, and those in use when their request ends."""
        self._closed = True
        self._close_idle()

    def forget_after_fork(self) -> None:
        """In a forked child: the parent's connections are not ours to write to."""
        self._close_idle()

    def _close_idle(self) -> None:
        for waiting in list(self._idle.values()):
            while True:
                try:
                    connection = waiting.pop()
                except IndexError:
                    break
                connection.close()

    def open(self, endpoint: Endpoint, deadline: float) -> Connection:
        """Opens a connection that the caller closes.

        Args:
            deadline: when it must be there, on the monotonic clock, in seconds.

        Raises:
            NotSentError: it could not be opened in time.
            ClosedError: the client was closed.
        """
        if self._closed:
            raise ClosedError()
        try:
            stream = addresses.connect(endpoint.host, endpoint.port, deadline)
        except OSError as problem:
            raise NotSentError(f"cannot connect to {endpoint} ({reason_of(problem)})") from problem
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
        try:
            if endpoint.scheme == "https":
                connection.default_port = http.client.HTTPS_PORT
                stream.settimeout(max(0.001, deadline - time.monotonic()))
                stream = self._tls().wrap_socket(stream, server_hostname=endpoint.host)
        except (OSError, ValueError) as problem:
            stream.close()
            raise NotSentError(f"cannot connect to {endpoint} ({reason_of(problem)})") from problem
        except BaseException:
            stream.close()
            raise
        timed = TimedSocket(stream)
        connection.sock = timed
        return Connection(connection, timed)

    def _tls(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            # Kept, as reading the system's certificates takes tens of milliseconds.
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context

    def _exchange_on(
        self,
        connection: Connection,
        endpoint: Endpoint,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Optional[bytes],
        deadline: float,
    ) -> Answer:
        keep = False
        try:
            connection.stream.deadline = deadline
            connection.http.request(method, endpoint.base_path + path, body=body, headers=dict(headers))
            response = connection.http.getresponse()
            content = _read_all(response)
            keep = not response.will_close
            return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, content)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as problem:
            raise _ClosedByNode() from problem
        except (OSError, http.client.HTTPException) as problem:
            raise NoAnswerError(f"no answer from {endpoint} ({reason_of(problem)})") from problem
        finally:
            # Also reached by KeyboardInterrupt and the like: half an exchange must not meet the next request.
            if keep:
                self._give_back(endpoint, connection)
            else:
                connection.close()

    def _take(self, endpoint: Endpoint) -> Optional[Connection]:
        while True:
            if self._closed:
                raise ClosedError()
            try:
                kept = self._idle.get(endpoint, _NONE).pop()
            except IndexError:
                return None
            if time.monotonic() - kept.idle_since < MAX_IDLE_SECONDS and not _is_readable(kept.stream.raw):
                return kept
            kept.close()

    def _give_back(self, endpoint: Endpoint, connection: Connection) -> None:
        waiting = self._idle.setdefault(endpoint, deque())
        if len(waiting) >= MAX_IDLE_PER_ENDPOINT:
            connection.close()
            return
        waiting.append(replace(connection, idle_since=time.monotonic()))
        if self._closed:
            self._close_idle()


_NONE: Deque[Connection] = deque(maxlen=0)


class _ClosedByNode(Exception):
    """The node hung up before its answer began."""


def _read_all(response: http.client.HTTPResponse) -> bytes:
    pieces: List[bytes] = []
    size_bytes = 0
    while response.length != 0 and not response.isclosed():
        piece = response.read1(65_536)
        if not piece:
            break
        size_bytes += len(piece)
        if size_bytes > MAX_ANSWER_BYTES:
            raise http.client.HTTPException(f"answer of more than {MAX_ANSWER_BYTES} bytes")
        pieces.append(piece)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    response.read()  # lets http.client use the connection again
    return b"".join(pieces)


def _is_readable(kept: socket.socket) -> bool:
    """Whether a silent connection has something to read, which can only be its end."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(kept, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([kept], [], [], 0)[0])


def reason_of(problem: Exception) -> str:
    """What went wrong with a connection, in few words."""
    if isinstance(problem, socket.timeout):
        return "timed out"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem) or type(problem).__name__
