"""Conditions on instances, as the registry is asked for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, List, Mapping, Optional, Tuple, Union

from . import arguments
from .errors import ValidationError
from .records import ServiceRecord

#: Names and values of a query string.
Query = Tuple[Tuple[str, str], ...]

#: What the registry lets a caller ask of a key of the metadata.
MetadataValue = Union[str, int, float, bool, None]


@dataclass(frozen=True)
class Filters:
    """Conditions that an instance meets all of. ``filters_of`` makes them of a call's arguments.

    Attributes:
        name: beginning of the service's name.
        service: the service's whole name.
        metadata: keys and values as the registry writes them, sorted.
    """

    status: Optional[str] = None
    tag: Tuple[str, ...] = ()
    dependency: Optional[str] = None
    environment: Optional[str] = None
    interface: Optional[str] = None
    version: Optional[str] = None
    metadata: Tuple[Tuple[str, str], ...] = ()
    name: Optional[str] = None
    service: Optional[str] = None

    @property
    def are_judged_here(self) -> bool:
        """Whether ``match`` can tell; ranges of versions are left to the registry, so that there is one reading of them."""
        return self.version is None

    def match(self, record: ServiceRecord) -> bool:
        """Whether a record meets all conditions but ``version``, as the registry would say."""
        metadata = record["metadata"]
        return (
            (self.service is None or record["name"] == self.service)
            and (self.name is None or record["name"].startswith(self.name))
            and (self.status is None or record["status"] == self.status)
            and (self.environment is None or metadata.get("environment") == self.environment)
            and (self.interface is None or self.interface in record["interfaces"])
            and (self.dependency is None or self.dependency in metadata.get("dependencies", ()))
            and all(tag in metadata.get("tags", ()) for tag in self.tag)
            and all(key in metadata and _is_said(metadata[key], text) for key, text in self.metadata)
        )

    def query(self) -> Query:
        """The conditions as parameters of a request."""
        asked: List[Tuple[str, str]] = []
        for parameter in ("status", "tag", "dependency", "environment", "interface", "version", "name", "service"):
            asked += [(parameter, value) for value in arguments.one_or_many(getattr(self, parameter))]
        return tuple(asked) + tuple((f"metadata.{key}", value) for key, value in self.metadata)


def filters_of(
    *,
    status: Optional[str] = None,
    tag: Union[str, Iterable[str], None] = None,
    dependency: Optional[str] = None,
    environment: Optional[str] = None,
    interface: Optional[str] = None,
    version: Optional[str] = None,
    metadata: Optional[Mapping[str, MetadataValue]] = None,
    region: Optional[str] = None,
    owner: Optional[str] = None,
    name: Optional[str] = None,
    service: Optional[str] = None,
) -> Filters:
    """Reads the arguments that calls share. ``region`` and ``owner`` are keys of the metadata.

    Raises:
        ValidationError: ``field`` names the argument; most values are checked by the registry alone.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise _invalid(f"metadata must be a mapping from key to value; got {type(metadata).__name__}.", "metadata")
    conditions = {}
    for key, value in {**(metadata or {}), **_given(region=region, owner=owner)}.items():
        text = _as_text(value)
        if text is None:
            message = (
                f"metadata[{key!r}] must be a string, a number, a truth value or None: nothing else can be asked for."
            )
            raise _invalid(message, f"metadata.{key}")
        conditions[key] = text
    tags = tuple(arguments.one_or_many(tag))
    wanted = tuple(sorted(conditions.items()))
    return Filters(status, tags, dependency, environment, interface, version, wanted, name, service)


def _given(**values: Optional[str]) -> Mapping[str, str]:
    return {key: value for key, value in values.items() if value is not None}


def _invalid(message: str, field: str) -> ValidationError:
    return ValidationError("validation_error", message, field=field)


def _is_said(value: Any, text: str) -> bool:
    return any(_as_text(each) == text for each in (value if isinstance(value, list) else [value]))


def _as_text(value: Any) -> Optional[str]:
    """A value of the metadata as the registry, a program in JavaScript, writes it; ``None`` for what it cannot be asked for.

    That are lists, objects, and here also numbers which the two languages write in different ways: from 1e16 on and
    below 1e-4.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (int, float)):
        return None
    text = repr(float(value))
    return None if "e" in text or "n" in text else text[:-2] if text.endswith(".0") else text
