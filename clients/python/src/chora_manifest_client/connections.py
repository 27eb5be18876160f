"""Connections to the nodes, kept open between requests and shared by all threads."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional

from .endpoints import Endpoint

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


@dataclass
class _Idle:
    connection: http.client.HTTPConnection
    since: float


class ConnectionPool:
    """Hands a connection to one request at a time. Thread safe, and usable in a forked child."""

    def __init__(self, ssl_context: Optional[ssl.SSLContext] = None) -> None:
        self._ssl_context = ssl_context
        self._lock = threading.Lock()
        self._idle: Dict[Endpoint, List[_Idle]] = {}
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
            connect_seconds: limit for opening a connection.
            answer_seconds: limit for the whole exchange on an open connection.

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
            fresh = self._open(endpoint, min(connect_seconds, answer_seconds))
            answer = self._exchange_on(fresh, endpoint, method, path, headers, body, deadline)
        except _ClosedByNode as problem:
            raise NoAnswerError(f"{endpoint} closed the connection without an answer") from problem
        except NotSentError as problem:
            # The kept connection may have carried the request to the node before it broke.
            raise (problem if kept is None else NoAnswerError(str(problem))) from problem
        return answer if kept is None else replace(answer, sent_twice=True)

    def close(self) -> None:
        """Closes the waiting connections now, and those in use when their request ends."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, {}
        _close_all(idle)

    def forget_after_fork(self) -> None:
        """In a forked child: the parent's connections are not ours to write to, and its lock may be held for ever."""
        self._lock = threading.Lock()
        idle, self._idle = self._idle, {}
        _close_all(idle)

    def _open(self, endpoint: Endpoint, connect_seconds: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if endpoint.scheme == "https":
            context = self._ssl_context or ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                endpoint.host, endpoint.port, timeout=connect_seconds, context=context
            )
        else:
            connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=connect_seconds)
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            raise NotSentError(f"cannot connect to {endpoint} ({_reason(problem)})") from problem
        except BaseException:
            connection.close()
            raise

    def _exchange_on(
        self,
        connection: http.client.HTTPConnection,
        endpoint: Endpoint,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Optional[bytes],
        deadline: float,
    ) -> Answer:
        keep = False
        try:
            # Held on to, as http.client lets go of it where the node announces that it will close.
            stream = connection.sock
            _limit(stream, deadline)
            connection.request(method, endpoint.base_path + path, body=body, headers=dict(headers))
            _limit(stream, deadline)
            response = connection.getresponse()
            content = _read_all(stream, response, deadline)
            keep = not response.will_close
            return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, content)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as problem:
            raise _ClosedByNode() from problem
        except (OSError, http.client.HTTPException) as problem:
            raise NoAnswerError(f"no answer from {endpoint} ({_reason(problem)})") from problem
        finally:
            # Also reached by KeyboardInterrupt and the like: half an exchange must not meet the next request.
            if keep:
                self._give_back(endpoint, connection)
            else:
                connection.close()

    def _take(self, endpoint: Endpoint) -> Optional[http.client.HTTPConnection]:
        while True:
            with self._lock:
                if self._closed:
                    raise ClosedError()
                waiting = self._idle.get(endpoint)
                if not waiting:
                    return None
                idle = waiting.pop()
            if time.monotonic() - idle.since < MAX_IDLE_SECONDS and not _is_readable(idle.connection.sock):
                return idle.connection
            idle.connection.close()

    def _give_back(self, endpoint: Endpoint, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            waiting = self._idle.setdefault(endpoint, [])
            if not self._closed and len(waiting) < MAX_IDLE_PER_ENDPOINT:
                waiting.append(_Idle(connection, time.monotonic()))
                return
        connection.close()


class _ClosedByNode(Exception):
    """The node hung up before its answer began."""


def _read_all(stream: socket.socket, response: http.client.HTTPResponse, deadline: float) -> bytes:
    """Reads the body in pieces, so that a node that trickles cannot hold the caller past its deadline."""
    pieces: List[bytes] = []
    size_bytes = 0
    while response.length != 0 and not response.isclosed():
        _limit(stream, deadline)
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


def _limit(stream: socket.socket, deadline: float) -> None:
    left_seconds = deadline - time.monotonic()
    if left_seconds <= 0:
        raise socket.timeout("timed out")
    stream.settimeout(left_seconds)


def _is_readable(kept: socket.socket) -> bool:
    """Whether a silent connection has something to read, which can only be its end."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(kept, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([kept], [], [], 0)[0])


def _reason(problem: Exception) -> str:
    if isinstance(problem, socket.timeout):
        return "timed out"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem) or type(problem).__name__


def _close_all(idle: Mapping[Endpoint, List[_Idle]]) -> None:
    for waiting in idle.values():
        for each in waiting:
            each.connection.close()
