"""Servers such as gunicorn make a client first and fork afterwards; the child must not use what the parent holds."""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol


class _Forgetful(Protocol):
    def forget_after_fork(self) -> None:
        """Called in the child."""


_clients: "weakref.WeakSet[Any]" = weakref.WeakSet()


def watch(client: _Forgetful) -> None:
    """Calls ``client.forget_after_fork()`` in every child that this process forks from now on."""
    _clients.add(client)


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client.forget_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
