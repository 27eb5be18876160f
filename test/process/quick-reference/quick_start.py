"""Quick start, steps 2 to 5, in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime

import paths  # noqa: F401, I001 (before all that import the client)
from document import block
from orchestrator import Orchestrator
from programs import program
from registry import Registry, wait_for
from session import Given, Session

_STEPS = (
    ("2. Register Service on Startup", 0),
    ("3. Start Heartbeat Loop", 0),
    ("4. Discover Other Services", 0),
    ("5. Deregister on Shutdown", 0),
)


@program("quick start", *_STEPS)
def quick_start(registry: Registry) -> None:
    with Orchestrator(registry) as orchestrator:
        child = subprocess.Popen(
            [sys.executable, "-u", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdin and child.stdout
        try:
            words = child.stdout.readline().split()
            assert words[:3] == ["Registered", "with", "Manifest:"], words
            instance_id = words[3]

            record = registry.find("my-service", instance_id)
            assert record, f"{instance_id} is not listed by another node"
            assert record["status"] == "up" and record["version"] == "1.0.0", record
            assert record["interfaces"] == {
                "REST": "http://10.0.0.10:9000",
                "CLI": "my-service-cli",
                "MCP": "tcp://10.0.0.10:7000",
            }, record
            assert record["metadata"]["dependencies"] == ["manifest", "orchestrator"], record
            assert sorted(record["metadata"]["tags"]) == ["custom", "production"], record

            wait_for(lambda: orchestrator.deployments, "the call of the orchestrator")
            assert orchestrator.deployments[0]["service"] == "my-service", orchestrator.deployments

            def renewed() -> bool:
                found = registry.find("my-service", instance_id)
                assert found, "not listed any more"
                return _seconds_between(found["registered_at"], found["last_heartbeat"]) > 9

            wait_for(renewed, "the heartbeat after ten seconds", seconds=30)
            rest, _ = child.communicate(timeout=20)  # closes its input, which is its sign to end
            assert rest == "Deregistered from Manifest\n", rest
            assert child.returncode == 0, child.returncode
            assert registry.instances_of("my-service") == []
        finally:
            child.kill()
            child.wait()


def _seconds_between(earlier: str, later: str) -> float:
    as_time = [datetime.strptime(each, "%Y-%m-%dT%H:%M:%S.%fZ") for each in (earlier, later)]
    return (as_time[1] - as_time[0]).total_seconds()


def _be_the_service() -> None:
    given = {"os": Given(os, "step 2 uses os.getenv and does not import os")}
    Session(given, *(block(heading, position) for heading, position in _STEPS)).run()
    sys.stdin.read()


if __name__ == "__main__":
    _be_the_service()
