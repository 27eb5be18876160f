"""The shapes of who depends on whom. They are plain dictionaries at run time."""

from __future__ import annotations

from typing import List, TypedDict


class ServiceNode(TypedDict):
    """A service as a whole: ``up`` while one of its instances is. ``dependencies`` are those of any instance."""

    name: str
    status: str
    instances: int
    instances_up: int
    dependencies: List[str]


# Written as a call, since "from" is no name in Python.
DependencyEdge = TypedDict("DependencyEdge", {"from": str, "to": str})


class MissingService(TypedDict):
    """What somebody depends on and nobody is."""

    name: str
    required_by: List[str]


class DependencyGraph(TypedDict):
    """Who depends on whom, all lists sorted by name.

    ``cycles`` has a shortest way from each service back to itself, where there is one. ``startup_order`` has services that
    may start together, once all levels before have.
    """

    services: List[ServiceNode]
    edges: List[DependencyEdge]
    missing: List[MissingService]
    cycles: List[List[str]]
    startup_order: List[List[str]]


class RelatedService(TypedDict):
    """A service that another one has to do with. ``status`` may be ``missing``; ``direct``: not only over others."""

    name: str
    status: str
    instances: int
    instances_up: int
    direct: bool


class ServiceDependencies(TypedDict):
    """What a service depends on; ``ready`` while all of them are ``up``."""

    name: str
    status: str
    transitive: bool
    dependencies: List[RelatedService]
    ready: bool


class ServiceDependents(TypedDict):
    """What depends on a service: whom its end would concern."""

    name: str
    status: str
    transitive: bool
    dependents: List[RelatedService]
