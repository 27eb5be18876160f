"""Records as the registry shows them."""

from __future__ import annotations

from typing import Any, Dict


def record(name: str = "orchestrator", id: str = "orchestrator-1", status: str = "up", **more: Any) -> Dict[str, Any]:
    return {
        "name": name,
        "id": id,
        "version": "1.0.0",
        "interfaces": {"REST": "http://10.0.0.1:8600"},
        "metadata": {},
        "status": status,
        "last_heartbeat": "2026-01-01T00:00:00.000Z",
        "registered_at": "2026-01-01T00:00:00.000Z",
        "revision": 1,
        **more,
    }
