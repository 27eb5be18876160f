"""A real server for the service `orchestrator`, which many of the programs find and call."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List

from registry import Registry


class Orchestrator:
    """Answers ``POST /deploy`` and ``GET /deployments``, and is listed in the registry while it runs."""

    def __init__(self, registry: Registry, instance_id: str = "orchestrator-1", **more: Any) -> None:
        self.deployments: List[Dict[str, Any]] = []
        self.instance_id = instance_id
        self._registry = registry
        deployments = self.deployments

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.path != "/deploy":
                    return self._answer(404, {"error": "not found"})
                deployment = {**(json.loads(body) if body else {}), "number": len(deployments)}
                deployments.append(deployment)
                self._answer(201, deployment)

            def do_GET(self) -> None:
                found = self.path == "/deployments"
                self._answer(200 if found else 404, deployments if found else {"error": "not found"})

            def _answer(self, status: int, content: Any) -> None:
                text = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        registry.register("orchestrator", instance_id, interfaces={"REST": self.url}, **more)

    def move_to(self, url: str) -> None:
        """Has the registry name another address, as after a restart elsewhere."""
        self._registry.register("orchestrator", self.instance_id, interfaces={"REST": url})

    def __enter__(self) -> "Orchestrator":
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
