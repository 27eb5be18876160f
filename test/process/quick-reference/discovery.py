"""Dependencies, discovery patterns 1 to 4, and the health check before a call."""

from __future__ import annotations

from document import block
from orchestrator import Orchestrator
from programs import program
from registry import Registry, wait_for
from session import Session
from surroundings import a_client, imports, values

_PATTERNS = "5. Discovery Patterns"


@program("dependencies", ("4. Dependencies", 0))
def dependencies(registry: Registry) -> None:
    metadata = Session({}, block("4. Dependencies")).run().names["metadata"]
    with a_client() as client:
        instance_id = client.register("dependent", "1.0.0", {"CLI": "dependent"}, metadata)
    for dependency in ("manifest", "orchestrator"):
        assert [each["id"] for each in registry.instances(dependency=dependency)] == [instance_id], dependency


@program("discovery pattern 1: direct lookup", (_PATTERNS, 0))
def direct_lookup(registry: Registry) -> None:
    with Orchestrator(registry) as orchestrator, a_client() as client:
        names = Session(values(client=client), block(_PATTERNS, 0)).run().names
        assert names["url"] == orchestrator.url
        assert names["service"] == registry.find("orchestrator", orchestrator.instance_id)


@program("discovery pattern 2: list with filtering", (_PATTERNS, 1))
def list_with_filtering(registry: Registry) -> None:
    at = {"REST": "http://10.0.0.1:1"}
    registry.register("core-one", metadata={"tags": ["core", "infrastructure"]}, interfaces=at)
    registry.register("other", metadata={"tags": ["storage"]}, interfaces=at)
    short = {"heartbeat_interval": 1, "unhealthy_after": 2, "remove_after": 60}
    registry.register("core-ill", metadata={"tags": ["core"]}, interfaces=at, ttl=short)
    wait_for(lambda: registry.instances(status="unhealthy"), "the instance without heartbeats to be unhealthy")
    with a_client() as client:
        session = Session(values(client=client), block(_PATTERNS, 1)).run()
    ids = {each["id"] for each in session.names["core_services"]}
    expected = [each for each in registry.instances() if each["status"] == "up" and "core" in each["metadata"]["tags"]]
    assert ids == {each["id"] for each in expected}, ids
    assert "core-one-1" in ids and "other-1" not in ids and "core-ill-1" not in ids, ids
    assert "core-one - http://10.0.0.1:1\n" in session.printed, session.printed


@program("discovery pattern 3: dependency resolution", (_PATTERNS, 2))
def dependency_resolution(registry: Registry) -> None:
    registry.register("leaf", metadata={"dependencies": ["manifest", "other"]})
    registry.register("other", metadata={"dependencies": ["leaf"]})
    with a_client() as client:
        dependents = Session(values(client=client), block(_PATTERNS, 2)).run().names["dependents"]
    assert [each["id"] for each in dependents] == ["leaf-1"], dependents


@program("discovery pattern 4: caching", (_PATTERNS, 3))
def caching(registry: Registry) -> None:
    with Orchestrator(registry) as orchestrator, a_client() as client:
        given = {**values(client=client), **imports("lru_cache")}
        names = Session(given, block(_PATTERNS, 3)).run().names
        assert names["get_orchestrator_url"]() == orchestrator.url
        orchestrator.move_to("http://10.0.0.9:8600")
        assert names["get_orchestrator_url"]() == orchestrator.url, "the cache was not used"
        names["get_orchestrator_url"].cache_clear()
        assert names["get_orchestrator_url"]() == "http://10.0.0.9:8600", "the new address was not found"


@program("workflow 4: health check before calling", ("Workflow 4", 0))
def health_check_before_calling(registry: Registry) -> None:
    left_out = {"post": {"json": {"service": "my-service"}}}
    with a_client() as client:
        given = {**values(client=client), **imports("requests")}
        short = {"heartbeat_interval": 1, "unhealthy_after": 2, "remove_after": 60}
        with Orchestrator(registry, ttl=short) as orchestrator:
            names = Session(given, block("Workflow 4"), left_out=left_out).run().names
            assert names["response"].status_code == 201
            assert [each["service"] for each in orchestrator.deployments] == ["my-service"]

            wait_for(lambda: registry.instances(status="unhealthy"), "the orchestrator to be unhealthy")
            try:
                Session(given, block("Workflow 4"), left_out=left_out).run()
            except RuntimeError as error:
                assert "unhealthy" in str(error), error
            else:
                raise AssertionError("an unhealthy orchestrator was called")
            assert len(orchestrator.deployments) == 1
