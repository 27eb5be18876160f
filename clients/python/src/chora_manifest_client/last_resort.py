"""Giving an instance back when the program is told to end, or ends without having done so."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from types import FrameType
from typing import Any, Callable, Dict, Optional

from .errors import ValidationError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class LastResort:
    """Calls ``release`` on SIGTERM and SIGINT, by option, and at the interpreter's exit."""

    def __init__(self, release: Callable[[], None], handle_signals: bool) -> None:
        """Raises ``ValidationError`` where signals are to be handled and this is not the main thread."""
        if handle_signals and threading.current_thread() is not threading.main_thread():
            message = (
                "handle_signals works in the main thread only, as Python has it. "
                "Leave it out, and end the with block when the main thread is signalled."
            )
            raise ValidationError("validation_error", message, field="handle_signals", value=handle_signals)
        self._release = release
        self._handle_signals = handle_signals
        self._is_active = False
        self._previous: Dict[int, Any] = {}

    def install(self) -> None:
        """From now on."""
        self._is_active = True
        atexit.register(self._at_exit)
        if not self._handle_signals:
            return
        for number in _SIGNALS:
            previous = signal.getsignal(number)
            # A signal that is ignored stays so, as under nohup; a handler that is not Python's cannot be chained to.
            if previous is not None and previous is not signal.SIG_IGN:
                self._previous[number] = previous
                signal.signal(number, self._on_signal)

    def remove(self) -> None:
        """No more. Handlers that were set since then stay, and go on to those before ours through ours."""
        self._is_active = False
        atexit.unregister(self._at_exit)
        if threading.current_thread() is not threading.main_thread():
            return
        for number, previous in self._previous.items():
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, previous)

    def _at_exit(self) -> None:
        # A forked child inherits its parent's handlers, but not the instance: the manager knows whose it is.
        if self._is_active:
            self._release()

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        self._at_exit()
        previous = self._previous[number]
        if callable(previous):
            previous(number, frame)
        else:
            # The default: the process ends, and its parent sees by which signal.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
