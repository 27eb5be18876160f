"""What the document's shorter programs presume, each with the reason why it has to be given."""

from __future__ import annotations

import logging
import sys
import time
from functools import lru_cache
from threading import Thread
from typing import Any, Dict

import requests

from chora_manifest_client import ManifestClient, ServiceNotFoundError
from session import Given

_IMPORTS: Dict[str, Any] = {
    "ManifestClient": ManifestClient,
    "ServiceNotFoundError": ServiceNotFoundError,
    "Thread": Thread,
    "logging": logging,
    "lru_cache": lru_cache,
    "requests": requests,
    "sys": sys,
    "time": time,
}


def imports(*names: str) -> Dict[str, Given]:
    """Modules and names that a program uses and an earlier part of the document imports."""
    return {name: Given(_IMPORTS[name], "imported elsewhere in the document") for name in names}


def values(reason: str = "made by an earlier part of the document", **names: Any) -> Dict[str, Given]:
    """Variables that a program uses and an earlier part of the document, or its reader, makes."""
    return {name: Given(value, reason) for name, value in names.items()}


def a_client() -> ManifestClient:
    """The document's client: on the default URL."""
    return ManifestClient("http://localhost:8500")
