"""The nodes that a client may ask, and which one it asks next."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Optional, Tuple, Union
from urllib.parse import urlsplit

from .errors import ValidationError

DEFAULT_URL = "http://localhost:8500"

#: Seconds for which a node that failed is tried last.
SET_ASIDE_SECONDS = 5.0

_PLAIN = re.compile(r"[\x21-\x7e]*")


@dataclass(frozen=True)
class Endpoint:
    """One node's REST address."""

    scheme: str
    host: str
    port: int
    base_path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.base_path}"


def parse_endpoints(value: Union[str, Iterable[str]]) -> Tuple[Endpoint, ...]:
    """Reads one URL, several separated by commas, or a list of them.

    Raises:
        ValidationError: naming ``manifest_url``.
    """
    parts = value.split(",") if isinstance(value, str) else list(value)
    urls = [part.strip() if isinstance(part, str) else part for part in parts]
    endpoints = tuple(dict.fromkeys(_parse_endpoint(url) for url in urls if url != ""))
    if not endpoints:
        raise _invalid("names no node", "")
    return endpoints


def _parse_endpoint(url: object) -> Endpoint:
    if not isinstance(url, str):
        raise _invalid("must hold strings", repr(url))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise _invalid(f"cannot be read ({problem})", url) from problem
    if parts.username is not None or parts.password is not None:
        raise _invalid("must not hold credentials; pass auth_token instead", "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid("must begin with http:// or https:// and name a host", url)
    if parts.query or parts.fragment:
        raise _invalid("must not have a query or a fragment", url)
    if port == 0:
        raise _invalid("must not name port 0", url)
    if not _PLAIN.fullmatch(parts.netloc + parts.path):
        raise _invalid("must be ASCII without spaces; write other characters as %xx or, in the host, as xn--", url)
    base_path = parts.path.rstrip("/")
    if base_path.endswith("/v1"):
        base_path = base_path[: -len("/v1")]
    return Endpoint(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), base_path)


def _invalid(problem: str, url: str) -> ValidationError:
    got = f"; got {url!r}" if url else ""
    return ValidationError(
        "validation_error",
        f"manifest_url {problem}{got}. Write it as {DEFAULT_URL}, several separated by commas.",
        field="manifest_url",
        value=url or None,
    )


class EndpointOrder:
    """Which node to ask first: clients begin at different ones, stay while it answers, and leave when it fails.

    Thread safe without a lock, as every change is a single one: a signal handler may make a call in the middle of another.
    """

    def __init__(
        self,
        endpoints: Tuple[Endpoint, ...],
        monotonic: Callable[[], float] = time.monotonic,
        first: Optional[int] = None,
    ) -> None:
        self._endpoints = endpoints
        self._monotonic = monotonic
        self._preferred = random.randrange(len(endpoints)) if first is None else first
        self._aside_until: Dict[Endpoint, float] = {}

    def in_order(self) -> List[Endpoint]:
        """All nodes, from the preferred one on, with those that failed lately at the end, longest ago first."""
        now = self._monotonic()
        preferred = self._preferred
        turned = self._endpoints[preferred:] + self._endpoints[:preferred]
        return sorted(turned, key=lambda endpoint: max(0.0, self._aside_until.get(endpoint, 0.0) - now))

    def succeeded(self, endpoint: Endpoint) -> None:
        """The node answered: ask it first from now on."""
        self._aside_until.pop(endpoint, None)
        self._preferred = self._endpoints.index(endpoint)

    def failed(self, endpoint: Endpoint, aside_seconds: float = SET_ASIDE_SECONDS) -> None:
        """The node did not answer, or could not help: ask it last for a while."""
        self._aside_until[endpoint] = self._monotonic() + aside_seconds
