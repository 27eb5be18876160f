"""Events as the registry sends them."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

from .records import record


def event_text(event: str, data: Dict[str, Any], id: Optional[int] = None) -> str:
    head = "" if id is None else f"id: {id}\n"
    return f"{head}event: {event}\ndata: {json.dumps(data)}\n\n"


def change(
    revision: int, kind: str = "registered", id: str = "s-1", name: str = "s", status: str = "", **more: Any
) -> str:
    gone = kind in ("deregistered", "expired")
    shown = record(name, id, status or ("down" if gone else "up"), revision=revision, **more)
    return event_text(kind, shown, revision)


def current(id: str = "s-1", name: str = "s", **more: Any) -> str:
    return event_text("current", record(name, id, **more))


def marker(type: str, revision: int) -> str:
    """``synced``, ``progress`` or ``compacted``; only the last has no id."""
    return event_text(type, {"revision": revision}, None if type == "compacted" else revision)


def closed(error: str = "service_unavailable", retryable: bool = True) -> str:
    body = {"error": error, "message": f"because of {error}", "request_id": "r-1", "retryable": retryable}
    return event_text("closed", body)


COMMENT = ": keep-alive\n\n"
