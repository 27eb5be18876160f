"""A socket that keeps to a deadline, however slowly the other side sends."""

from __future__ import annotations

import io
import socket
import time
from typing import Any


class TimedSocket:
    """As much of a socket as http.client needs.

    A socket's own timeout begins anew with every piece that arrives, so that a node that sends a byte now and then could
    hold a caller for hours. Here everything that is sent or received ends at ``deadline``.
    """

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.deadline = 0.0  #: on the monotonic clock, in seconds

    def limit(self) -> None:
        """Gives the next operation what is left of the time. Raises ``socket.timeout`` where nothing is."""
        left_seconds = self.deadline - time.monotonic()
        if left_seconds <= 0:
            raise socket.timeout("timed out")
        self.raw.settimeout(left_seconds)

    def sendall(self, data: Any) -> None:
        self.limit()
        self.raw.sendall(data)

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        self.raw.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: TimedSocket) -> None:
        self._timed = timed
        # It keeps the socket open while an answer is read from it, though http.client may have closed the connection.
        self._stream = timed.raw.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._timed.limit()
        return self._stream.readinto(buffer) or 0

    def close(self) -> None:
        self._stream.close()
        super().close()
