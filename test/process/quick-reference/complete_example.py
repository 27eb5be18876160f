"""The complete example at the end of the document, as a process at a terminal, ended by Ctrl+C or SIGTERM."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, List

from document import block
from paths import CLIENT
from programs import program
from registry import Registry, wait_for

_HEADING = "Example: Complete Service Integration"
_HEARTBEAT = "[Heartbeat] Sent successfully"
_INSTANCE = re.compile(r"^\[Init\] Registered with instance ID: (example-service-[0-9a-f]{8})$", re.MULTILINE)

# Stand in the document for what differs from run to run.
_VARIABLE_PARTS = [
    (re.compile(r"example-service-[0-9a-f]{8}"), "example-service-ID"),
    (re.compile(r"(Found Manifest at) http://(?:localhost|127\.0\.0\.1):85[0-9]0"), r"\1 REST-ADDRESS-OF-A-NODE"),
]


@program("complete example, ended by Ctrl+C", (_HEADING, 0))
def ended_by_ctrl_c(registry: Registry) -> None:
    with _Terminal() as terminal:
        instance_id = _see_it_run(registry, terminal)
        terminal.press_ctrl_c()
        assert terminal.wait() == 0
        _expect_documented(terminal.text, registry, instance_id, lambda documented: documented)


@program("complete example, ended by SIGTERM", (_HEADING, 0))
def ended_by_sigterm(registry: Registry) -> None:
    with _Terminal() as terminal:
        instance_id = _see_it_run(registry, terminal)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 0

        def by_sigterm(documented: List[str]) -> List[str]:
            """Without the echo of the key, and with the other signal's number."""
            return [line.replace("signal 2", "signal 15") for line in documented if line != "^C"]

        _expect_documented(terminal.text, registry, instance_id, by_sigterm)


def _see_it_run(registry: Registry, terminal: "_Terminal") -> str:
    found = wait_for(lambda: _INSTANCE.search(terminal.read()), "the registration")
    instance_id = found.group(1)
    record = registry.find("example-service", instance_id)
    assert record, f"{instance_id} is not listed by another node"
    assert (record["status"], record["version"]) == ("up", "1.0.0"), record
    assert record["interfaces"] == {"REST": "http://0.0.0.0:9000", "CLI": "example-service-cli"}, record
    assert record["metadata"]["dependencies"] == ["manifest"], record
    wait_for(lambda: terminal.read().count(_HEARTBEAT) >= 2, "two heartbeats", seconds=30)
    renewed = registry.find("example-service", instance_id)
    assert renewed and renewed["last_heartbeat"] > record["last_heartbeat"], (record, renewed)
    return instance_id


def _expect_documented(
    text: str, registry: Registry, instance_id: str, adapt: Callable[[List[str]], List[str]]
) -> None:
    documented = block(_HEADING, language="").text
    # The heartbeats come from a thread of their own: how many there are is fixed, where they stand is not, and `print`
    # writes a line and its end in two steps, between which the other thread may write.
    assert text.count(_HEARTBEAT) == documented.count(_HEARTBEAT) == 2, text
    assert _comparable(text) == adapt(_comparable(documented)), text
    assert registry.find("example-service", instance_id) is None, "still listed"


def _comparable(text: str) -> List[str]:
    """The lines without the heartbeats, and without what differs from run to run."""
    text = text.replace(_HEARTBEAT, "")
    for pattern, stand_in in _VARIABLE_PARTS:
        text = pattern.sub(stand_in, text)
    return [line for line in text.splitlines() if line]


class _Terminal:
    """The program at a terminal of its own, so that Ctrl+C is a key that somebody presses."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        source = Path(self._directory.name) / "example_service.py"
        source.write_text(block(_HEADING).text, encoding="utf-8")
        self._controller, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, str(source)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**os.environ, "PYTHONPATH": str(CLIENT)},
            preexec_fn=_own_the_terminal,
        )
        os.close(terminal)
        self.text = ""

    def read(self) -> str:
        """Everything shown until now."""
        while select.select([self._controller], [], [], 0)[0]:
            try:
                piece = os.read(self._controller, 65_536)
            except OSError:  # the program is gone
                piece = b""
            if not piece:
                break
            self.text += piece.decode().replace("\r\n", "\n")
        return self.text

    def press_ctrl_c(self) -> None:
        os.write(self._controller, b"\x03")

    def wait(self, seconds: float = 20.0) -> int:
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            self.read()
            assert time.monotonic() < deadline, f"still running:\n{self.text}"
            time.sleep(0.02)
        self.read()
        return self.process.returncode

    def __enter__(self) -> "_Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._controller)
        self._directory.cleanup()


def _own_the_terminal() -> None:
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
