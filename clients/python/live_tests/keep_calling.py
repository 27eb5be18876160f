"""Registers, renews, reads back and deregisters without pause until its input ends, then tells how it went, as JSON.

Every call must succeed, and every read must show what was written before it, whatever happens to single nodes.
"""

import json
import sys
import threading
import time
from typing import Any, Dict, List

import live

from chora_manifest_client import ManifestClient, ManifestError

THREADS = 4


def main() -> None:
    end = threading.Event()
    problems: List[str] = []
    calls = [0] * THREADS
    longest_seconds = [0.0] * THREADS

    def keep_calling(number: int) -> None:
        name = f"caller-{number}"
        # Calls are timed one by one; an election takes about a second, on a busy machine more.
        with ManifestClient(live.urls(), timeout=30, retries=30) as client:

            def timed(call: Any, *arguments: Any) -> Any:
                began = time.monotonic()
                try:
                    return call(*arguments)
                finally:
                    calls[number] += 1
                    longest_seconds[number] = max(longest_seconds[number], time.monotonic() - began)

            while not end.is_set():
                try:
                    instance_id = timed(client.register, name, "1.0.0", {"CLI": name})
                    timed(client.heartbeat, name, instance_id)
                    if timed(client.get_service, name)["id"] != instance_id:
                        problems.append(f"{name}: read another instance than {instance_id}")
                    timed(client.deregister, name, instance_id)
                    if timed(client.get_instances, name):
                        problems.append(f"{name}: {instance_id} is still listed")
                except ManifestError as error:
                    problems.append(f"{name}: {error!r}")

    threads = [threading.Thread(target=keep_calling, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    print("started", flush=True)
    sys.stdin.read()
    end.set()
    for thread in threads:
        thread.join()
    report: Dict[str, Any] = {"calls": sum(calls), "longest_seconds": max(longest_seconds), "problems": problems}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
