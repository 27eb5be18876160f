"""Retries: over several nodes, within the time of the call, and without doing anything twice."""

import time
import unittest
from typing import Any, List

import support  # noqa: F401
from support.fake_clock import FakeClock
from support.scripted_server import HangUp, Respond, ScriptedServer, StaySilent, refuse, unused_url

from chora_manifest_client import (
    ManifestClient,
    ManifestError,
    OutcomeUnknownError,
    RateLimitError,
    ServiceNotFoundError,
    UnavailableError,
)
from chora_manifest_client.arguments import json_body
from chora_manifest_client.endpoints import parse_endpoints
from chora_manifest_client.transport import Request, Transport

READ = Request("GET", "/v1/services")
REMOVAL = Request("DELETE", "/v1/services/s/s-1", is_removal=True)
UNAVAILABLE = refuse(503, "service_unavailable", retryable=True)
NOT_LISTED = refuse(404, "service_not_found")


class Retries(unittest.TestCase):
    def setUp(self) -> None:
        self.time = FakeClock()

    def server(self, *behaviours: Any) -> ScriptedServer:
        server = ScriptedServer(*behaviours)
        self.addCleanup(server.stop)
        return server

    def transport(self, *urls: str, retries: int = 3, timeout: float = 30.0) -> Transport:
        """One that begins at the first URL, and whose waits take no time."""
        transport = Transport(parse_endpoints(urls), None, timeout, retries, clock=self.time.clock)
        transport._order._preferred = 0
        self.addCleanup(transport.close)
        return transport

    def test_an_answer_that_may_get_better_is_asked_for_again_under_the_same_id(self) -> None:
        for status, code in [(503, "service_unavailable"), (504, "outcome_unknown"), (500, "internal_error")]:
            with self.subTest(code):
                server = self.server(refuse(status, code, retryable=True), Respond(200, ["ok"]))
                self.assertEqual(self.transport(server.url).call(READ).content, ["ok"])
                self.assertEqual(len({request.headers["x-request-id"] for request in server.received}), 1)

    def test_a_proxy_that_cannot_reach_its_registry_is_asked_again(self) -> None:
        server = self.server(Respond(502, raw=b"<html>"), Respond(504, raw=b""), Respond(200, []))
        self.assertEqual(self.transport(server.url).call(READ).content, [])

    def test_gives_up_after_the_retries_that_were_asked_for(self) -> None:
        for retries in (0, 2):
            server = self.server(UNAVAILABLE)
            with self.assertRaises(UnavailableError) as caught:
                self.transport(server.url, retries=retries).call(READ)
            self.assertEqual(len(server.received), retries + 1)
            self.assertTrue(caught.exception.retryable)

    def test_a_refusal_is_not_repeated(self) -> None:
        server, other = self.server(refuse(400, "validation_error")), self.server()
        with self.assertRaises(ManifestError):
            self.transport(server.url, other.url).call(READ)
        self.assertEqual((len(server.received), len(other.received)), (1, 0))

    def test_goes_on_to_the_next_node_at_once(self) -> None:
        for first in [UNAVAILABLE, HangUp(), HangUp(after_half_of=b'["x"]')]:
            with self.subTest(first):
                server, other = self.server(first), self.server(Respond(200, ["other"]))
                self.assertEqual(self.transport(server.url, other.url).call(READ).content, ["other"])
        other = self.server(Respond(200, ["other"]))
        self.assertEqual(self.transport(unused_url(), other.url).call(READ).content, ["other"])
        self.assertEqual(self.time.sleeps, [])

    def test_stays_with_the_node_that_answered(self) -> None:
        bad, good = self.server(UNAVAILABLE), self.server(Respond(200, []))
        transport = self.transport(bad.url, good.url)
        for _ in range(3):
            transport.call(READ)
        self.time.now += 60
        transport.call(READ)
        self.assertEqual((len(bad.received), len(good.received)), (1, 4))

    def test_waits_between_rounds_only(self) -> None:
        one, two = self.server(UNAVAILABLE), self.server(UNAVAILABLE)
        with self.assertRaises(UnavailableError):
            self.transport(one.url, two.url, retries=2).call(READ)
        self.assertEqual((len(one.received), len(two.received), self.time.sleeps), (3, 3, [0.2, 0.4]))

    def test_waits_as_long_as_the_registry_asks(self) -> None:
        server = self.server(refuse(503, "service_unavailable", retryable=True, retry_after="4"), Respond(200, []))
        self.transport(server.url).call(READ)
        self.assertEqual(self.time.sleeps, [4.0])

    def test_raises_at_once_where_the_registry_asks_for_more_time_than_the_call_has(self) -> None:
        server = self.server(refuse(503, "service_unavailable", retryable=True, retry_after="31"))
        with self.assertRaises(UnavailableError) as caught:
            self.transport(server.url, timeout=30.0).call(READ)
        self.assertEqual(caught.exception.retry_after_seconds, 31.0)
        self.assertEqual((len(server.received), self.time.sleeps), (1, []))

    def test_a_node_that_limits_the_rate_is_not_evaded_by_asking_another(self) -> None:
        limited = refuse(429, "rate_limit_exceeded", retryable=True, retry_after="2")
        server, other = self.server(limited), self.server(Respond(200, []))
        self.transport(server.url, other.url).call(READ)
        self.assertEqual(self.time.sleeps, [2.0])
        with self.assertRaises(RateLimitError):
            self.transport(server.url, retries=0).call(READ)

    def test_a_node_that_hangs_costs_half_of_the_time_and_not_the_call(self) -> None:
        silent, good = self.server(StaySilent()), self.server(Respond(200, ["good"]))
        began = time.monotonic()
        transport = Transport(parse_endpoints([silent.url, good.url]), None, 2.0, 0)
        transport._order._preferred = 0
        self.addCleanup(transport.close)
        self.assertEqual(transport.call(READ).content, ["good"])
        self.assertLess(time.monotonic() - began, 1.9)

    def test_ends_within_its_timeout_though_no_node_answers(self) -> None:
        servers = [self.server(StaySilent()) for _ in range(3)]
        began = time.monotonic()
        with ManifestClient([server.url for server in servers], timeout=1.5, retries=9) as client:
            with self.assertRaises(UnavailableError):
                client.get_service("s")
        self.assertLess(time.monotonic() - began, 2.5)

    def test_nothing_is_sent_once_the_time_is_over(self) -> None:
        servers = [self.server(StaySilent()) for _ in range(3)]
        with ManifestClient([server.url for server in servers], timeout=0.4, retries=0) as client:
            with self.assertRaises(UnavailableError):
                client.get_service("s")
        self.assertEqual(sum(len(server.received) for server in servers), 1)

    def test_a_node_that_cannot_be_reached_is_not_preferred_to_one_that_says_no(self) -> None:
        reachable, down = self.server(UNAVAILABLE).url, unused_url()
        transport = self.transport(reachable, down, retries=0)
        with self.assertRaises(UnavailableError):
            transport.call(READ)
        self.assertEqual([str(endpoint) for endpoint in transport._order.in_order()], [reachable, down])

    def test_a_write_on_a_kept_connection_may_have_happened_though_the_node_is_gone_now(self) -> None:
        def die(_: Any) -> HangUp:
            server.stop_listening()
            return HangUp()

        server = self.server(Respond(200, []), die)
        transport = self.transport(server.url, retries=0)
        transport.call(READ)
        with self.assertRaises(OutcomeUnknownError):
            transport.call(Request("POST", "/v1/services", body=json_body({"name": "s"})))

    def test_a_write_without_an_answer_is_of_unknown_outcome_and_a_read_is_not(self) -> None:
        write = Request("POST", "/v1/services", body=json_body({"name": "s"}))
        down = unused_url()
        with self.assertRaises(OutcomeUnknownError):
            self.transport(self.server(HangUp()).url, down, retries=1).call(write)
        cases: List[Any] = [
            (self.transport(self.server(HangUp()).url), READ),
            (self.transport(down), write),
            (self.transport(self.server(UNAVAILABLE).url), write),
        ]
        for transport, request in cases:
            with self.assertRaises(UnavailableError) as caught:
                transport.call(request)
            self.assertNotIsInstance(caught.exception, OutcomeUnknownError)

    def test_a_removal_whose_answer_was_lost_is_done_where_the_repeat_finds_nothing(self) -> None:
        for lost in [HangUp(), refuse(504, "outcome_unknown", retryable=True), Respond(502, raw=b"")]:
            with self.subTest(lost):
                self.assertIsNone(self.transport(self.server(lost, NOT_LISTED).url).call(REMOVAL).content)

    def test_a_removal_that_surely_did_not_happen_before_is_not_done(self) -> None:
        with self.assertRaises(ServiceNotFoundError):
            self.transport(self.server(UNAVAILABLE, NOT_LISTED).url).call(REMOVAL)
        with self.assertRaises(ServiceNotFoundError):
            self.transport(unused_url(), self.server(NOT_LISTED).url).call(REMOVAL)

    def test_a_removal_that_broke_a_kept_connection_is_done_where_the_repeat_finds_nothing(self) -> None:
        transport = self.transport(self.server(Respond(200, []), HangUp(), NOT_LISTED).url, retries=0)
        transport.call(READ)
        self.assertIsNone(transport.call(REMOVAL).content)

    def test_a_lookup_that_finds_nothing_is_never_taken_for_done(self) -> None:
        with self.assertRaises(ServiceNotFoundError):
            self.transport(self.server(HangUp(), NOT_LISTED).url).call(READ)


if __name__ == "__main__":
    unittest.main()
