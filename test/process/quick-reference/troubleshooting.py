"""The debug steps."""

from __future__ import annotations

import ast
import time

from document import block
from programs import program
from registry import Registry
from session import Session
from surroundings import a_client, imports, values

_NOT_FOUND = 'Issue: "Service not found"'
_UNHEALTHY = 'Issue: Service marked "unhealthy"'


@program("troubleshooting: service not found", (_NOT_FOUND, 0))
def service_not_found(registry: Registry) -> None:
    registry.register("listed")
    with a_client() as client:
        session = Session({**values(client=client), **imports("requests")}, block(_NOT_FOUND)).run()
    first, second = session.printed.splitlines()
    assert sorted(ast.literal_eval(first)) == sorted(each["name"] for each in registry.instances()), first
    health = ast.literal_eval(second)
    assert (health["status"], health["services_registered"]) == ("healthy", len(registry.instances())), health


@program("troubleshooting: unhealthy", (_UNHEALTHY, 0))
def marked_unhealthy(registry: Registry) -> None:
    with a_client() as client:
        instance_id = client.register("examined", "1.0.0", {"CLI": "examined"})
        given = {**values(client=client, instance_id=instance_id), **values("the reader's service", name="examined")}
        time.sleep(0.05)  # the registry tells times apart by the millisecond
        session = Session(given, block(_UNHEALTHY)).run()
        assert session.printed == "Heartbeat succeeded\n", session.printed
        [record] = registry.instances_of("examined")
        assert record["last_heartbeat"] > record["registered_at"], record

        registry.deregister("examined", instance_id)
        assert Session(given, block(_UNHEALTHY)).run().printed.startswith("Heartbeat failed: service_gone")
