"""Common patterns: service factory, heartbeat manager, dependency resolver, service proxy."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType

from chora_manifest_client import ManifestClient
from document import block, part
from orchestrator import Orchestrator
from programs import program
from registry import Registry, wait_for
from session import Session
from surroundings import a_client, imports, values


@program("pattern 1: service factory", ("Pattern 1: Service Factory", 0))
def service_factory(registry: Registry) -> None:
    whole = block("Pattern 1: Service Factory")
    config = Session(imports("ManifestClient"), part(whole, "# config.py", "# my_service.py")).run()
    module = ModuleType("config")
    vars(module).update(config.names)
    sys.modules["config"] = module  # the block prints two files; this is the first one's place
    try:
        client = Session({}, part(whole, "# my_service.py")).run().names["client"]
    finally:
        del sys.modules["config"]
    assert isinstance(client, ManifestClient)
    with client:
        instance_id = client.register("made-by-factory", "1.0.0", {"CLI": "made"})
        assert registry.find("made-by-factory", instance_id)


@program("pattern 2: heartbeat manager", ("Pattern 2: Heartbeat Manager", 0))
def heartbeat_manager(registry: Registry) -> None:
    name = "my-service"
    with a_client() as client:
        instance_id = client.register(name, "1.0.0", {"CLI": name})
        given = values(client=client, instance_id=instance_id)
        names = Session(given, block("Pattern 2: Heartbeat Manager")).run().names
        assert registry.find(name, instance_id) is None, "the printed usage ends with stop(), which deregisters"

        instance_id = client.register(name, "1.0.0", {"CLI": name})
        asyncio.run(_manage(names["HeartbeatManager"](client, name, instance_id, interval=0.5), registry, instance_id))
        assert registry.find(name, instance_id) is None


async def _manage(manager: "object", registry: Registry, instance_id: str) -> None:
    def last_heartbeat() -> str:
        record = registry.find("my-service", instance_id)
        assert record, "not listed any more"
        return str(record["last_heartbeat"])

    await manager.start()  # type: ignore[attr-defined]
    for _ in range(3):
        before = last_heartbeat()
        await asyncio.to_thread(wait_for, lambda before=before: last_heartbeat() > before, "the next heartbeat")
    await manager.stop()  # type: ignore[attr-defined]


@program("pattern 3: dependency resolver", ("Pattern 3: Dependency Resolver", 0))
def dependency_resolver(registry: Registry) -> None:
    program_text = block("Pattern 3: Dependency Resolver")
    with Orchestrator(registry) as orchestrator, a_client() as client:
        given = {**values(client=client), **imports("ServiceNotFoundError")}
        registry.register("gateway", interfaces={"REST": "http://10.0.0.2:80"})
        names = Session(given, program_text).run().names
        assert (names["orch_url"], names["gateway_url"]) == (orchestrator.url, "http://10.0.0.2:80")
        assert names["dependencies"]["manifest"]["name"] == "manifest"

        registry.deregister("gateway", "gateway-1")
        try:
            Session(given, program_text).run()
        except RuntimeError as error:
            assert str(error) == "Dependency 'gateway' not found in registry", error
        else:
            raise AssertionError("a dependency that is not listed was resolved")


@program("pattern 4: service proxy", ("Pattern 4: Service Proxy", 0))
def service_proxy(registry: Registry) -> None:
    with Orchestrator(registry) as orchestrator, a_client() as client:
        given = {**values(client=client), **imports("time", "requests")}
        names = Session(given, block("Pattern 4: Service Proxy")).run().names
        assert names["deployment"] == {"service": "my-service", "config": {"replicas": 3}, "number": 0}
        assert names["all_deployments"] == [names["deployment"]] == orchestrator.deployments
