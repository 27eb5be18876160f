"""Running something in a forked child."""

from __future__ import annotations

import os
import time
import warnings
from typing import Callable


def in_forked_child(run: Callable[[], None]) -> int:
    """The child's exit status: 0 where ``run`` returned, something else where it raised, and -1 where it hung."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            run()
            os._exit(0)
        except BaseException:
            os._exit(1)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -1
