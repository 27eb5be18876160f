"""Looks at the cluster from outside, over plain HTTP: what a program did must show on another node than its own."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

_T = TypeVar("_T")

# The registry is on this machine: never through a proxy.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Registry:
    """The nodes' REST addresses. Programs use the first one; every look here goes to another."""

    def __init__(self, urls: Sequence[str]) -> None:
        if len(urls) < 2:
            raise ValueError("a look through another node needs at least two nodes")
        self.urls = list(urls)
        self._turn = 0

    def instances(self, **filters: str) -> List[Dict[str, Any]]:
        """What any other node than the first lists."""
        query = "&".join(["limit=1000", *(f"{key}={value}" for key, value in filters.items())])
        status, body = self._call("GET", f"/v1/services?{query}")
        assert status == 200, (status, body)
        return list(body)

    def instances_of(self, name: str) -> List[Dict[str, Any]]:
        return [record for record in self.instances(name=name) if record["name"] == name]

    def find(self, name: str, instance_id: str) -> Optional[Dict[str, Any]]:
        return next((record for record in self.instances_of(name) if record["id"] == instance_id), None)

    def register(self, name: str, instance_id: str = "", **more: Any) -> Dict[str, Any]:
        body = {"name": name, "id": instance_id or f"{name}-1", "version": "1.0.0", "interfaces": {"CLI": name}, **more}
        status, answer = self._call("POST", "/v1/services", body)
        assert status in (200, 201), (status, answer)
        return body

    def deregister(self, name: str, instance_id: str) -> None:
        status, answer = self._call("DELETE", f"/v1/services/{name}/{instance_id}")
        assert status == 204, (status, answer)

    def clear(self) -> None:
        """Takes everything off the list but the registry itself."""
        for record in self.instances():
            if record["name"] != "manifest":
                self.deregister(record["name"], record["id"])

    def _call(self, method: str, path: str, body: Any = None) -> Tuple[int, Any]:
        self._turn += 1
        url = self.urls[1 + self._turn % (len(self.urls) - 1)]
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(url + path, data, headers, method=method)
        try:
            with _opener.open(request, timeout=10) as response:
                text = response.read()
                return response.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def wait_for(look: Callable[[], Optional[_T]], what: str, seconds: float = 20.0) -> _T:
    """Looks again and again until there is something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)
