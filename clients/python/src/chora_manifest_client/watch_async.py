"""The events of a watch for asyncio."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from types import TracebackType
from typing import AsyncIterator, Callable, Deque, Optional, Tuple, Type

from . import fork_safety
from .watch import Watch
from .watch_events import WatchEvent

#: Events that may lie ready; while there are more, the thread waits, and then the registry.
_READY_AT_MOST = 1_000


class AsyncWatch:
    """See ``Watch``. A daemon thread reads ahead; waiting for an event may be cancelled, and loses none.

    >>> async with client.watch_async(initial=True) as events:
    ...     async for event in events:
    ...         print(event.type, event.name, event.id)

    Leaving the block ends it, and so do ``close`` and the client's own ``close``. One task takes the events.

    Attributes:
        revision: see ``Watch``.
    """

    def __init__(self, watch: Watch) -> None:
        self._reader = _Reader(watch)
        self.revision: Optional[int] = watch.revision

    def __aiter__(self) -> AsyncIterator[WatchEvent]:
        return self

    async def __anext__(self) -> WatchEvent:
        """See ``Watch.__next__``."""
        reader = self._reader
        reader.start()
        await reader.comes_to(lambda: bool(reader.ready) or reader.has_ended)
        event = reader.take()
        if event is None:
            reader.raise_problem()
            raise StopAsyncIteration
        if event.revision is not None and event.type != "compacted":
            self.revision = event.revision
        return event

    def close(self) -> None:
        """Ends the watch at once; does not wait. May be called more than once, from anywhere."""
        self._reader.close()

    async def aclose(self) -> None:
        """The same, for ``contextlib.aclosing``."""
        self.close()

    async def __aenter__(self) -> "AsyncWatch":
        try:
            self._reader.start()
            await self._reader.comes_to(lambda: self._reader.has_begun or self._reader.has_ended)
            if not self._reader.has_begun:
                self._reader.raise_problem()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # The thread knows the reader only, so that a watch which nobody holds any more ends.
        if hasattr(self, "_reader"):
            self._reader.close()


class _Reader:
    """What the thread and the task share. Without locks, as a signal handler may close it in the middle of anything."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.ready: Deque[WatchEvent] = deque()
        self.has_begun = False
        self.has_ended = False
        self._is_closed = False
        self._is_full = False
        self._room: "queue.SimpleQueue[None]" = queue.SimpleQueue()
        self._problem: Optional[BaseException] = None
        self._waiter: Optional[Tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]] = None
        self._thread: Optional[threading.Thread] = None
        fork_safety.watch(self)

    def start(self) -> None:
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._run, name="manifest-watch", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            with self._watch as events:
                self.has_begun = True
                self._wake()
                for event in events:
                    self._wait_for_room()
                    self.ready.append(event)
                    self._wake()
        except BaseException as problem:
            self._problem = problem
        finally:
            self.has_ended = True
            self._wake()

    def _wait_for_room(self) -> None:
        while len(self.ready) >= _READY_AT_MOST and not self._is_closed:
            self._is_full = True
            # Looked at again, as room may have been made before anybody knew that it was wanted.
            if len(self.ready) >= _READY_AT_MOST and not self._is_closed:
                self._room.get()

    def take(self) -> Optional[WatchEvent]:
        """An event that lies ready; none once the watch was closed."""
        if self._is_closed or not self.ready:
            return None
        event = self.ready.popleft()
        if self._is_full:
            self._is_full = False
            self._room.put(None)
        return event

    def raise_problem(self) -> None:
        """Raises what ended the watch, once, unless it was closed."""
        problem, self._problem = self._problem, None
        if problem is not None and not self._is_closed:
            raise problem

    async def comes_to(self, is_so: Callable[[], bool]) -> None:
        """Waits until that is so, or the watch was closed."""
        while not (self._is_closed or is_so()):
            loop = asyncio.get_running_loop()
            waiter: "asyncio.Future[None]" = loop.create_future()
            self._waiter = (loop, waiter)
            # Asked once more, as the thread may have had nobody to wake until now.
            if not (self._is_closed or is_so()):
                await waiter

    def _wake(self) -> None:
        waiting, self._waiter = self._waiter, None
        if waiting is None:
            return
        loop, waiter = waiting
        try:
            loop.call_soon_threadsafe(_finish, waiter)
        except RuntimeError:
            pass  # the loop was closed, and nobody waits any more

    def close(self) -> None:
        self._is_closed = True
        self._watch.close()
        self._room.put(None)
        self._wake()

    def forget_after_fork(self) -> None:
        """In a forked child, which has none of the parent's threads: whoever waits next starts one."""
        self._room = queue.SimpleQueue()
        self._waiter = None
        self._thread = None


def _finish(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
