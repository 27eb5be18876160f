"""Finding a node's addresses and connecting to one of them, within one limit of time.

The operating system's name lookup knows no limit of its own, and a name may stand for many addresses that do not answer.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from typing import Any, Dict, List, Optional, Tuple, Union

#: What ``socket.getaddrinfo`` returns: family, type, protocol, canonical name, address.
_AddressInfo = Tuple[Any, ...]

_Key = Tuple[int, str, int]

# By process as well, since a forked child has none of its parent's threads to finish a lookup.
_under_way: "Dict[_Key, _Lookup]" = {}


def connect(host: str, port: int, deadline: float) -> socket.socket:
    """Opens a TCP connection to the first address that accepts one.

    Args:
        deadline: on the monotonic clock, in seconds.

    Raises:
        OSError: the name is unknown, nobody accepts, or the time is over (``socket.timeout``).
    """
    found = _addresses(host, port, deadline)
    problem: OSError = OSError(f"{host} has no address")
    for position, (family, kind, protocol, _, address) in enumerate(found):
        left_seconds = _left_seconds(deadline)
        stream = socket.socket(family, kind, protocol)
        try:
            # An address that does not answer leaves half of the time to those after it.
            stream.settimeout(left_seconds if position == len(found) - 1 else left_seconds / 2)
            stream.connect(address)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return stream
        except OSError as refused:
            stream.close()
            problem = refused
        except BaseException:
            stream.close()
            raise
    raise problem


def _left_seconds(deadline: float) -> float:
    left_seconds = deadline - time.monotonic()
    if left_seconds <= 0:
        raise socket.timeout("timed out")
    return left_seconds


def _addresses(host: str, port: int, deadline: float) -> List[_AddressInfo]:
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # a name
    # In a thread, as the lookup may hang for as long as the system's resolver likes. Those who ask for the same name
    # meanwhile wait for the same answer, so that a name server that is silent does not gather threads here.
    own = _Lookup(host, port)
    lookup = _under_way.setdefault(own.key, own)
    if lookup is own:
        try:
            threading.Thread(target=own.run, name="manifest-lookup", daemon=True).start()
        except RuntimeError:
            own.run()  # the interpreter is shutting down and starts no threads any more
    outcome = lookup.wait(_left_seconds(deadline))
    if outcome is None:
        raise socket.timeout(f"timed out while looking up {host}")
    if isinstance(outcome, Exception):
        raise OSError(f"cannot look up {host}: {getattr(outcome, 'strerror', None) or outcome}") from outcome
    return outcome


def _look_up(host: str, port: int, flags: int = 0) -> List[_AddressInfo]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags))


class _Lookup:
    """One lookup and those who wait for it. Free of locks: a signal handler may deregister in the middle of it."""

    def __init__(self, host: str, port: int) -> None:
        self.key: _Key = (os.getpid(), host, port)
        self._bells: "List[queue.SimpleQueue[None]]" = []
        self._outcome: Optional[Union[List[_AddressInfo], Exception]] = None

    def run(self) -> None:
        _, host, port = self.key
        try:
            self._outcome = _look_up(host, port)
        except Exception as problem:  # unknown names are OSErrors, unspeakable ones UnicodeErrors
            self._outcome = problem
        finally:
            _under_way.pop(self.key, None)
        for bell in self._bells:
            bell.put(None)

    def wait(self, seconds: float) -> Optional[Union[List[_AddressInfo], Exception]]:
        """The outcome, or ``None`` where there is none in time."""
        bell: "queue.SimpleQueue[None]" = queue.SimpleQueue()
        self._bells.append(bell)
        if self._outcome is None:
            try:
                bell.get(timeout=seconds)
            except queue.Empty:
                pass
        return self._outcome
