"""Threads in which blocking calls run for asyncio."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Optional, TypeVar

from .errors import ManifestError

_T = TypeVar("_T")


class AsyncLane:
    """A few threads of its own, made when first used, so that calls wait neither for other lanes nor for the program's."""

    def __init__(self, name: str, calls_at_once: int) -> None:
        self._name = name
        self._calls_at_once = calls_at_once
        self._lock = threading.RLock()
        self._executor: Optional[ThreadPoolExecutor] = None
        self._closed = False

    async def run(self, call: Callable[[], _T]) -> _T:
        """Waits for the call. Cancelling stops the waiting; a call that has begun goes on to its end."""
        return await asyncio.wrap_future(self.submit(call))

    def submit(self, call: Callable[[], _T]) -> "Future[_T]":
        """Begins the call, or queues it."""
        with self._lock:
            if self._closed:
                raise ManifestError("client_closed", "This ManifestClient was closed; make another one.")
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._calls_at_once, thread_name_prefix=self._name)
            # Context variables go along, as with asyncio.to_thread, for those who trace requests through logs.
            context = contextvars.copy_context()
            return self._executor.submit(lambda: context.run(call))

    def close(self) -> None:
        """Takes no more calls; those that were taken end by themselves."""
        with self._lock:
            self._closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)

    def forget_after_fork(self) -> None:
        """In a forked child, which has none of the parent's threads."""
        self._lock = threading.RLock()
        self._executor = None
