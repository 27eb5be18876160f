"""What each call sends, and what it makes of the answer."""

import asyncio
import os
import unittest
from typing import Any, Dict, List, Optional
from unittest import mock

import support  # noqa: F401
from support.records import record
from support.scripted_server import Respond, ScriptedServer, refuse

from chora_manifest_client import (
    DependencyNotFoundError,
    ForbiddenError,
    LeaseMismatchError,
    ManifestClient,
    ManifestError,
    ServiceGoneError,
    ServiceNotFoundError,
    UnauthorizedError,
    UnavailableError,
    ValidationError,
    __version__,
)


class Calls(unittest.TestCase):
    def start(self, *behaviours: Any, **options: Any) -> ManifestClient:
        self.server = ScriptedServer(*behaviours)
        self.addCleanup(self.server.stop)
        client = ManifestClient(self.server.url, **options)
        self.addCleanup(client.close)
        return client

    def test_register_sends_the_record_and_returns_the_id_that_it_made(self) -> None:
        client = self.start(Respond(201, {"id": "x"}))
        instance_id = client.register(
            name="my-service", version="1.2.3", interfaces={"REST": "http://h:1"}, metadata={"tags": ["core"]}
        )
        self.assertRegex(instance_id, r"^my-service-[0-9a-f]{8}$")
        [request] = self.server.received
        self.assertEqual((request.method, request.path), ("POST", "/v1/services"))
        self.assertEqual(request.headers["content-type"], "application/json")
        self.assertEqual(
            request.json,
            {
                "name": "my-service",
                "id": instance_id,
                "version": "1.2.3",
                "interfaces": {"REST": "http://h:1"},
                "metadata": {"tags": ["core"]},
            },
        )

    def test_register_takes_an_id_and_lease_times_and_states_a_version_for_those_who_do_not(self) -> None:
        client = self.start(Respond(200, {"id": "x"}))
        ttl = {"heartbeat_interval": 1, "unhealthy_after": 3, "remove_after": 6}
        self.assertEqual(client.register("s", interfaces={"CLI": "s"}, instance_id="pod-7", ttl=ttl), "pod-7")
        body = self.server.received[0].json
        self.assertEqual((body["id"], body["ttl"], body["version"]), ("pod-7", ttl, "0.0.0"))

    def test_two_registrations_get_two_ids(self) -> None:
        client = self.start(Respond(201, {}))
        self.assertNotEqual(client.register("s", "1.0.0", {"CLI": "s"}), client.register("s", "1.0.0", {"CLI": "s"}))

    def test_heartbeat_and_deregister_name_the_instance_in_the_path(self) -> None:
        client = self.start(Respond(204))
        client.heartbeat("s", "s-1")
        client.heartbeat(name="s", instance_id="s-1", lease_id=7)
        client.deregister("s", "s-1")
        self.assertEqual(
            [(request.method, request.path, request.body) for request in self.server.received],
            [
                ("PUT", "/v1/services/s/s-1/heartbeat", b""),
                ("PUT", "/v1/services/s/s-1/heartbeat", b'{"lease_id":7}'),
                ("DELETE", "/v1/services/s/s-1", b""),
            ],
        )

    def test_get_service_returns_one_record_of_one_or_of_several(self) -> None:
        client = self.start(
            Respond(200, record()), Respond(200, [record(id="a", status="unhealthy"), record(id="b")]), Respond(200, [])
        )
        self.assertEqual(client.get_service("orchestrator"), record())
        self.assertEqual(client.get_service("orchestrator")["id"], "b")
        with self.assertRaises(ServiceNotFoundError):
            client.get_service("orchestrator")
        self.assertEqual(self.server.received[0].path, "/v1/services/orchestrator")

    def test_get_instances_is_a_list_even_of_nothing(self) -> None:
        client = self.start(Respond(200, [record()]), refuse(404, "service_not_found"))
        self.assertEqual(client.get_instances("orchestrator", status="up", consistency="stale"), [record()])
        self.assertEqual(client.get_instances("orchestrator"), [])
        self.assertEqual(
            self.server.received[0].path, "/v1/services/orchestrator/instances?status=up&consistency=stale"
        )

    def test_list_services_passes_its_filters_on(self) -> None:
        client = self.start(Respond(200, [record()]))
        client.list_services(status="up", tag="core", dependency="manifest", environment="production", limit=5)
        client.list_services(tag=["a", "b"], interface="REST", name="orch", limit=7, offset=3)
        client.list_services()
        self.assertEqual(
            [request.path for request in self.server.received],
            [
                "/v1/services?status=up&tag=core&dependency=manifest&environment=production&limit=5&offset=0",
                "/v1/services?tag=a&tag=b&interface=REST&name=orch&limit=7&offset=3",
                "/v1/services?limit=1000&cursor=",
            ],
        )

    def test_list_services_reads_every_page(self) -> None:
        everybody = [record(id=f"o-{n:05}") for n in range(2_500)]

        def page(request: Any) -> Respond:
            query = dict(part.split("=") for part in request.path.partition("?")[2].split("&"))
            begin = int(query["cursor"] or 0)
            end = begin + int(query["limit"])
            return Respond(200, everybody[begin:end], {"X-Manifest-Cursor": str(end)} if end < len(everybody) else {})

        client = self.start(page)
        self.assertEqual(client.list_services(), everybody)
        self.assertEqual(client.list_services(offset=2_400), everybody[2_400:])

    def test_every_filter_is_asked_for(self) -> None:
        client = self.start(Respond(200, []))
        more: Any = dict(version=">=1 <3", metadata={"zone": 3, "new": True, "none": None}, region="eu", owner="me")
        asked = "version=%3E%3D1+%3C3&metadata.new=true&metadata.none=null&metadata.owner=me&metadata.region=eu&metadata.zone=3"
        client.list_services(limit=1, **more)
        client.get_instances("s", **more)
        self.assertEqual(
            [each.path for each in self.server.received],
            [f"/v1/services?{asked}&limit=1&offset=0", f"/v1/services/s/instances?{asked}"],
        )
        with self.assertRaises(ValidationError) as caught:
            client.list_services(metadata={"zone": ["a"]})  # type: ignore[dict-item]
        self.assertEqual(caught.exception.field, "metadata.zone")

    def test_dependencies_are_asked_for_as_a_graph_and_of_one_service(self) -> None:
        graph: Any = {"services": [], "edges": [], "missing": [], "cycles": [], "startup_order": []}
        client = self.start(Respond(200, graph), Respond(200, {"name": "s"}), Respond(200, {"name": "s"}),
                            Respond(200, {"name": "t"}), refuse(404, "service_not_found"))  # fmt: skip
        self.assertEqual(client.get_dependencies(), graph)
        self.assertEqual(client.get_dependencies("s")["name"], "s")
        client.get_dependencies("s", transitive=True)
        self.assertEqual(asyncio.run(client.get_dependents_async("t", transitive=True))["name"], "t")
        with self.assertRaises(ServiceNotFoundError):
            asyncio.run(client.get_dependencies_async("gone"))
        self.assertEqual(
            [each.path for each in self.server.received],
            [
                "/v1/dependencies",
                "/v1/services/s/dependencies",
                "/v1/services/s/dependencies?transitive=true",
                "/v1/services/t/dependents?transitive=true",
                "/v1/services/gone/dependencies",
            ],
        )

    def test_health_returns_the_report_of_a_healthy_node_and_of_an_unhealthy_one(self) -> None:
        sick = {"status": "unhealthy", "reason": "no leader", "node": "node-1"}
        client = self.start(Respond(200, {"status": "healthy"}), Respond(503, sick), refuse(503, "service_unavailable"))
        self.assertEqual(client.health(), {"status": "healthy"})
        self.assertEqual(client.health(), sick)
        with self.assertRaises(UnavailableError):
            client.health()
        self.assertEqual(len(self.server.received), 3)

    def test_every_request_says_who_asks_and_carries_an_id_of_its_own(self) -> None:
        client = self.start(Respond(204), auth_token="secret-token")
        client.heartbeat("s", "s-1")
        client.heartbeat("s", "s-1")
        first, second = (request.headers for request in self.server.received)
        self.assertEqual(first["authorization"], "Bearer secret-token")
        self.assertEqual(first["user-agent"], f"chora-manifest-client/{__version__}")
        self.assertNotEqual(first["x-request-id"], second["x-request-id"])

    def test_url_and_token_come_from_the_environment(self) -> None:
        with ScriptedServer(Respond(204)) as server:
            environment = {"MANIFEST_URL": server.url, "MANIFEST_AUTH_TOKEN": "from-environment"}
            with mock.patch.dict(os.environ, environment), ManifestClient() as client:
                client.heartbeat("s", "s-1")
            self.assertEqual(server.received[0].headers["authorization"], "Bearer from-environment")
            with mock.patch.dict(os.environ, environment), ManifestClient(auth_token="") as client:
                client.heartbeat("s", "s-1")
            self.assertNotIn("authorization", server.received[1].headers)
        with mock.patch.dict(os.environ, clear=True):
            self.assertEqual(repr(ManifestClient()), "ManifestClient('http://localhost:8500')")

    def test_neither_repr_nor_a_complaint_shows_the_token(self) -> None:
        self.assertNotIn("secret", repr(ManifestClient("http://h", auth_token="secret")))
        with self.assertRaises(ValidationError) as caught:
            ManifestClient("http://h", auth_token="secret\r\nX-Evil: 1")
        self.assertNotIn("secret", f"{caught.exception!r} {caught.exception.value!r}")

    def test_each_refusal_is_raised_at_once_as_its_own_class_with_all_facts(self) -> None:
        cases = [
            (400, "validation_error", ValidationError),
            (400, "invalid_parameter", ValidationError),
            (422, "invalid_version", ValidationError),
            (401, "unauthorized", UnauthorizedError),
            (403, "forbidden", ForbiddenError),
            (404, "service_not_found", ServiceNotFoundError),
            (409, "lease_mismatch", LeaseMismatchError),
            (410, "service_gone", ServiceGoneError),
            (413, "payload_too_large", ValidationError),
            (422, "dependency_not_found", DependencyNotFoundError),
            (405, "method_not_allowed", ManifestError),
        ]
        for status, code, expected in cases:
            with self.subTest(code):
                client = self.start(
                    refuse(status, code, field="f", value="v", details={"a": 1}, missing_dependencies=["b"])
                )
                with self.assertRaises(ManifestError) as caught:
                    client.heartbeat("s", "s-1")
                error = caught.exception
                self.assertIs(type(error), expected)
                self.assertEqual(
                    (error.error_code, error.message, error.field, error.value, error.request_id, error.http_status),
                    (code, f"because of {code}", "f", "v", "r-1", status),
                )
                self.assertEqual(error.details, {"a": 1, "missing_dependencies": ["b"]})
                self.assertEqual(str(error), f"{code}: because of {code}")
                self.assertFalse(error.retryable)
                self.assertEqual(len(self.server.received), 1)

    def test_an_instance_that_is_gone_is_also_not_found(self) -> None:
        self.assertTrue(issubclass(ServiceGoneError, ServiceNotFoundError))

    def test_what_is_no_registry_is_said_to_be_none(self) -> None:
        pages = [
            Respond(200, raw=b"<html>"),
            Respond(404, raw=b"<html>"),
            Respond(302),
            Respond(200, {"not": "a list"}),
        ]
        for page in pages:
            with self.subTest(page), self.assertRaises(ManifestError) as caught:
                self.start(page).list_services()
            self.assertEqual(caught.exception.error_code, "unexpected_answer")

    def test_arguments_that_would_change_the_path_are_refused_by_name(self) -> None:
        client = self.start(Respond(204))
        for name in ["", "a/b", "..", "A", "x" * 65, "a b", "a\n", None, 5]:
            with self.subTest(name), self.assertRaises(ValidationError) as caught:
                client.get_service(name)  # type: ignore[arg-type]
            self.assertEqual(caught.exception.field, "name")
        for instance_id in ["", "a/b", "..", "x" * 129, None]:
            with self.subTest(instance_id), self.assertRaises(ValidationError) as caught:
                client.heartbeat("s", instance_id)  # type: ignore[arg-type]
            self.assertEqual(caught.exception.field, "instance_id")
        self.assertEqual(self.server.received, [])

    def test_what_json_cannot_hold_is_refused_by_name(self) -> None:
        client = self.start(Respond(201))
        unwritable: List[Dict[str, Any]] = [{"a": object()}, {"a": float("nan")}, {"a": [...]}]
        for metadata in unwritable:
            with self.subTest(metadata), self.assertRaises(ValidationError) as caught:
                client.register("s", "1.0.0", {"CLI": "s"}, metadata)
            self.assertEqual(caught.exception.field, "metadata")
        missing: List[Optional[Dict[str, str]]] = [None, {}]
        for interfaces in missing:
            with self.subTest(interfaces), self.assertRaises(ValidationError) as caught:
                client.register("s", "1.0.0", interfaces)
            self.assertEqual(caught.exception.field, "interfaces")
        self.assertEqual(self.server.received, [])

    def test_unusable_settings_are_refused_by_name(self) -> None:
        for field, value in [("timeout", 0), ("timeout", "5"), ("timeout", True), ("retries", -1), ("retries", 1.5)]:
            with self.subTest(f"{field}={value!r}"), self.assertRaises(ValidationError) as caught:
                ManifestClient("http://h", **{field: value})  # type: ignore[arg-type]
            self.assertEqual(caught.exception.field, field)

    def test_deregistering_again_what_this_client_deregistered_does_nothing(self) -> None:
        gone = refuse(404, "service_not_found")
        client = self.start(Respond(204), gone, Respond(201, {}), gone)
        client.deregister("s", "s-1")
        client.deregister("s", "s-1")
        client.register("s", "1.0.0", {"CLI": "s"}, instance_id="s-1")
        with self.assertRaises(ServiceNotFoundError):
            client.deregister("s", "s-1")

    def test_deregistering_what_was_never_listed_is_an_error(self) -> None:
        with self.assertRaises(ServiceNotFoundError):
            self.start(refuse(404, "service_not_found")).deregister("s", "s-1")

    def test_a_closed_client_says_so(self) -> None:
        client = self.start(Respond(204))
        client.close()
        client.close()
        with self.assertRaises(ManifestError) as caught:
            client.heartbeat("s", "s-1")
        self.assertEqual(caught.exception.error_code, "client_closed")


if __name__ == "__main__":
    unittest.main()
