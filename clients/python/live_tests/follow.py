"""Follows the registry in every way that the client knows, and keeps two instances listed, whatever happens to nodes.

Says ``started`` when it knows the state of the registry. Given a revision as a line of input, it waits until all who
follow have come so far, and tells as JSON what they saw.
"""

import asyncio
import json
import logging
import sys
import threading
from typing import Any, Dict, List, Tuple

import live

from chora_manifest_client import AsyncWatch, CachedRegistry, ManifestClient, Watch, WatchEvent

TTL = {"heartbeat_interval": 1, "unhealthy_after": 20, "remove_after": 40}
LIMIT_SECONDS = 60.0


class Follower:
    """What one watch told, and the state that follows from it."""

    def __init__(self) -> None:
        self.told: List[Tuple[str, str, int]] = []
        self.listed: Dict[str, str] = {}
        self.synced_at: List[int] = []
        self.revision = -1

    def take(self, event: WatchEvent, revision: Any) -> None:
        if event.type == "compacted":
            self.listed = {}
        elif event.type == "synced":
            self.synced_at.append(revision)
        elif event.record is not None:
            key = f"{event.name}/{event.id}"
            if event.is_change:
                self.told.append((event.type, key, revision))
            self.listed.pop(key, None)
            if event.record["status"] != "down":
                self.listed[key] = event.record["status"]
        self.revision = revision if revision is not None else self.revision

    def report(self) -> Dict[str, Any]:
        return {"told": list(self.told), "listed": dict(self.listed), "synced_at": list(self.synced_at)}


class Breaks(logging.Handler):
    """Counts how often a watch went on elsewhere."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += "the watch goes on" in record.getMessage()


def listed(registry: Any) -> Dict[str, str]:
    return {f"{each['name']}/{each['id']}": each["status"] for each in registry.list_services()}


async def follow_async(client: ManifestClient, follower: Follower, end: "threading.Event", kept: Dict[str, Any]) -> None:
    watch: AsyncWatch = client.watch_async(initial=True)

    async def take() -> None:
        async for event in watch:
            follower.take(event, watch.revision)

    async with client.registered_async("kept", "1.0.0", {"CLI": "k"}, instance_id="by-loop", ttl=TTL) as instance:
        kept["by-loop"] = instance.manager
        task = asyncio.ensure_future(take())
        while not end.is_set():
            await asyncio.sleep(0.02)
        watch.close()
        await task


def main() -> None:
    breaks = Breaks()
    logging.getLogger("chora_manifest_client").addHandler(breaks)
    logging.getLogger("chora_manifest_client").setLevel(logging.INFO)
    client = ManifestClient(live.urls(), timeout=20, retries=20)
    end = threading.Event()
    followers = [Follower() for _ in range(4)]

    def follow(watch: Watch, follower: Follower) -> None:
        for event in watch:
            follower.take(event, watch.revision)

    for number, follower in enumerate(followers[1:]):
        watch = client.watch(initial=True)
        watch._reconnects._order._preferred = number  # one at each node, so that whichever is killed had a watch
        threading.Thread(target=follow, args=(watch, follower), daemon=True).start()
    kept: Dict[str, Any] = {}
    loop = threading.Thread(target=lambda: asyncio.run(follow_async(client, followers[0], end, kept)), daemon=True)
    loop.start()
    with CachedRegistry(client) as cache, client.registered(
        "kept", "1.0.0", {"CLI": "k"}, instance_id="by-thread", ttl=TTL
    ) as instance:
        kept["by-thread"] = instance.manager
        cache.list_services()
        (mirror,) = cache._mirrors.values()
        live.await_that(lambda: mirror.answer() is not None, "the cache is level")
        live.await_that(lambda: all(each.synced_at for each in followers), "every watch has the state")
        print("started", flush=True)

        last = int(sys.stdin.readline())
        live.await_that(lambda: all(each.revision >= last for each in followers), f"every watch has come to {last}")

        def cached_revision() -> int:
            state = mirror._state
            return -1 if state is None else state.revision

        live.await_that(lambda: cached_revision() >= last, f"the cache has come to {last}")
        report = {
            "followers": [each.report() for each in followers],
            "cached": listed(cache),
            "read": listed(client),
            "breaks": breaks.count,
            "managers": {
                name: [each.heartbeats, each.failures, each.reregistrations, each.is_superseded]
                for name, each in kept.items()
            },
        }
        end.set()
        loop.join(LIMIT_SECONDS)
    client.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
