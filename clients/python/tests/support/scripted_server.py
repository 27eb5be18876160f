"""An HTTP server that does what a test tells it, and remembers what it was asked."""

from __future__ import annotations

import json
import queue
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Mapping, Optional, Union


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Respond:
    status: int = 200
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Optional[bytes] = None
    close_after: bool = False


@dataclass(frozen=True)
class HangUp:
    """Close the connection without a word, or in the middle of the body."""

    after_half_of: Optional[bytes] = None


@dataclass(frozen=True)
class StaySilent:
    """Keep the connection and never answer, until the server stops."""


class Stream:
    """An answer that goes on: what a test sends, as it sends it, until it ends it or tears it off."""

    def __init__(self, *texts: str) -> None:
        self._pieces: "queue.SimpleQueue[Optional[bytes]]" = queue.SimpleQueue()
        self._is_torn = False
        self.is_open = threading.Event()  #: its head has been sent
        for text in texts:
            self.send(text)

    def send(self, text: str) -> "Stream":
        self._pieces.put(text.encode())
        return self

    def end(self) -> "Stream":
        self._pieces.put(None)
        return self

    def tear(self) -> "Stream":
        self._is_torn = True
        return self.end()

    def carry_out(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        self.is_open.set()
        handler.close_connection = True
        while True:
            piece = self._pieces.get()
            if piece is None:
                break
            try:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            except OSError:
                return
        if not self._is_torn:
            handler.wfile.write(b"0\r\n\r\n")


Behaviour = Union[Respond, HangUp, StaySilent, Stream]


def refuse(
    status: int, code: str, *, retryable: bool = False, retry_after: Optional[str] = None, **more: Any
) -> Respond:
    body: Dict[str, Any] = {"error": code, "message": f"because of {code}", "request_id": "r-1", "retryable": retryable}
    body.update(more)
    return Respond(status, body, {} if retry_after is None else {"Retry-After": retry_after})


class ScriptedServer:
    """Answers with ``behaviours`` in turn; the last one repeats. A function is asked for the behaviour instead."""

    def __init__(self, *behaviours: Union[Behaviour, Callable[[Received], Behaviour]]) -> None:
        self._behaviours = list(behaviours) or [Respond(204)]
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.received: List[Received] = []
        self.connections: List[socket.socket] = []
        self.ended = threading.Event()  #: a connection came to its end
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with outer._lock:
                    outer.connections.append(self.connection)

            def finish(self) -> None:
                super().finish()
                outer.ended.set()

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                request = Received(
                    self.command,
                    self.path,
                    {key.lower(): value for key, value in self.headers.items()},
                    body,
                    outer.connections.index(self.connection),
                )
                outer._carry_out(self, outer._next(request))

            do_GET = do_POST = do_PUT = do_DELETE = _handle

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # tests break connections on purpose

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _next(self, request: Received) -> Behaviour:
        with self._lock:
            self.received.append(request)
            behaviour = self._behaviours[0] if len(self._behaviours) == 1 else self._behaviours.pop(0)
        return behaviour(request) if callable(behaviour) else behaviour

    def _carry_out(self, handler: BaseHTTPRequestHandler, behaviour: Behaviour) -> None:
        if isinstance(behaviour, StaySilent):
            self._stopped.wait()
            handler.close_connection = True
            return
        if isinstance(behaviour, Stream):
            behaviour.carry_out(handler)
            return
        if isinstance(behaviour, HangUp):
            if behaviour.after_half_of is not None:
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(behaviour.after_half_of)))
                handler.end_headers()
                handler.wfile.write(behaviour.after_half_of[: len(behaviour.after_half_of) // 2])
            handler.close_connection = True
            return
        body = behaviour.raw
        if body is None:
            body = b"" if behaviour.content is None else json.dumps(behaviour.content).encode()
        handler.send_response(behaviour.status)
        for name, value in behaviour.headers.items():
            handler.send_header(name, value)
        if behaviour.status != 204:
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(body)))
        if behaviour.close_after:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        if behaviour.status != 204:
            handler.wfile.write(body)

    def close_connections(self) -> None:
        """Ends the open connections, as a server does with those that are silent for long."""
        with self._lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop_listening(self) -> None:
        """Takes no more connections; open ones go on."""
        self._server.socket.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self.close_connections()
        self._thread.join()

    def __enter__(self) -> "ScriptedServer":
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()


def unused_url() -> str:
    """A URL where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
