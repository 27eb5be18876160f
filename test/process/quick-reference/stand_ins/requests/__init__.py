"""As much of the library of this name as the quick reference uses, for machines that do not have it."""

from __future__ import annotations

import json as _json
import urllib.error
import urllib.request
from typing import Any, Dict, Optional

from . import exceptions

__all__ = ["Response", "exceptions", "get", "post"]

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Response:
    def __init__(self, url: str, status_code: int, content: bytes) -> None:
        self.url = url
        self.status_code = status_code
        self.content = content

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")

    def json(self) -> Any:
        return _json.loads(self.content)

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise exceptions.HTTPError(f"{self.status_code} for url: {self.url}")


def get(url: str, *, timeout: Optional[float] = None) -> Response:
    return _send("GET", url, None, timeout)


def post(url: str, *, json: Any = None, timeout: Optional[float] = None) -> Response:
    return _send("POST", url, json, timeout)


def _send(method: str, url: str, json: Any, timeout: Optional[float]) -> Response:
    headers: Dict[str, str] = {} if json is None else {"Content-Type": "application/json"}
    data = None if json is None else _json.dumps(json).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with _opener.open(request, timeout=timeout) as answer:
            return Response(url, answer.status, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Response(url, error.code, error.read())
    except OSError as error:
        raise exceptions.ConnectionError(str(error)) from error
