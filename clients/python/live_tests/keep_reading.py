"""Reads the instances of ``steady`` from memory without pause until its input ends, then tells what it saw, as JSON.

Says ``started`` when a watch keeps the answer level, and each set of states of health as it first shows.
"""

import json
import sys
import threading
from typing import List, Set

import live

from chora_manifest_client import CachedRegistry, ManifestClient


def await_end(end: threading.Event) -> None:
    sys.stdin.read()
    end.set()


def main() -> None:
    end = threading.Event()
    counts: Set[int] = set()
    shown: List[List[str]] = []
    problems: List[str] = []
    reads = 0
    with ManifestClient(live.urls(), timeout=10) as client, CachedRegistry(client) as cache:
        cache.get_instances("steady")
        live.await_that(lambda: all(each.is_level for each in cache._mirrors.values()), "a watch keeps the answer level")
        print("started", flush=True)
        threading.Thread(target=await_end, args=(end,), daemon=True).start()
        while not end.wait(0.001):
            try:
                records = cache.get_instances("steady")
            except Exception as problem:
                problems.append(repr(problem))
                continue
            reads += 1
            counts.add(len(records))
            states = sorted({each["status"] for each in records})
            if not shown or shown[-1] != states:
                shown.append(states)
                print(json.dumps(states), flush=True)
    print(json.dumps({"reads": reads, "counts": sorted(counts), "shown": shown, "problems": problems}))


if __name__ == "__main__":
    main()
