"""The reference of the client's API, and the multi-interface pattern."""

from __future__ import annotations

from document import block
from orchestrator import Orchestrator
from programs import program
from registry import Registry
from session import Name, Session
from surroundings import a_client, values

_API = "Quick Reference: Client Library API"
_MULTI = "SAP-043 (MultiInterface)"


@program("client library API", (_API, 0))
def client_library_api(registry: Registry) -> None:
    again = {"name": "service-name", "version": "1.0.1", "interfaces": {"CLI": "again"}}
    left_out = {
        "dependencies": ["manifest"],
        "tags": ["core"],
        "register_async": again,
        "heartbeat_async": {"name": "service-name", "instance_id": Name("instance_id")},
        "get_service_async": {"name": "service-name"},
    }
    with Orchestrator(registry):
        names = Session({}, block(_API), left_out=left_out).run().names
    [record] = registry.instances_of("service-name")
    assert (record["id"], record["version"]) == (names["instance_id"], "1.0.1"), "the first one was deregistered"
    assert names["service"] == record, names["service"]
    assert {each["name"] for each in names["services"]} == {"manifest"}, names["services"]
    names["client"].close()


@program("SAP-043: several interfaces", (_MULTI, 0))
def several_interfaces(registry: Registry) -> None:
    cases = [
        (True, False, "mcp_endpoint", "tcp://10.0.0.1:7000"),
        (False, True, "cli_cmd", "chora-orch"),
        (False, False, "rest_url", "http://10.0.0.1:8600"),
    ]
    with a_client() as client:
        for ai_agent, cli_user, variable, expected in cases:
            given = {**values(client=client), **values("the reader's case", ai_agent=ai_agent, cli_user=cli_user)}
            names = Session(given, block(_MULTI)).run().names
            assert names[variable] == expected, names[variable]
    records = registry.instances_of("orchestrator")
    assert len(records) == 3, records
    for record in records:
        assert record["interfaces"] == {
            "REST": "http://10.0.0.1:8600",
            "CLI": "chora-orch",
            "MCP": "tcp://10.0.0.1:7000",
            "Native": "python:orchestrator.service.OrchestratorService",
        }, record
