import unittest

import support  # noqa: F401

from chora_manifest_client import ManifestClient, ValidationError
from chora_manifest_client.endpoints import EndpointOrder, parse_endpoints


class ParseEndpoints(unittest.TestCase):
    def test_reads_one_url_several_and_lists(self) -> None:
        cases = {
            "http://localhost:8500": ["http://localhost:8500"],
            " http://a:1 , http://b:2/,": ["http://a:1", "http://b:2"],
            "http://a:1,http://a:1": ["http://a:1"],
            "https://manifest.chora.svc": ["https://manifest.chora.svc:443"],
            "http://manifest": ["http://manifest:80"],
            "http://[::1]:8500": ["http://[::1]:8500"],
            "http://proxy/registry/": ["http://proxy:80/registry"],
            "http://localhost:8500/v1": ["http://localhost:8500"],
            "http://proxy/registry/v1/": ["http://proxy:80/registry"],
        }
        for value, expected in cases.items():
            with self.subTest(value):
                self.assertEqual([str(endpoint) for endpoint in parse_endpoints(value)], expected)
        self.assertEqual([str(e) for e in parse_endpoints(["http://a:1", "http://b:2"])], ["http://a:1", "http://b:2"])

    def test_refuses_what_is_no_url_and_names_the_argument(self) -> None:
        for value in [
            "localhost:8500",
            "ftp://a",
            "http://",
            "http://a:x",
            "http://a:99999",
            "http://a?x=1",
            ",",
            [],
            [5],
        ]:
            with self.subTest(value), self.assertRaises(ValidationError) as caught:
                parse_endpoints(value)  # type: ignore[arg-type]
            self.assertEqual(caught.exception.field, "manifest_url")
            self.assertIn("http://localhost:8500", caught.exception.message)

    def test_never_repeats_credentials_of_a_url(self) -> None:
        with self.assertRaises(ValidationError) as caught:
            ManifestClient("http://user:secret@host:8500")
        self.assertNotIn("secret", repr(caught.exception) + repr(caught.exception.value))
        self.assertIn("auth_token", caught.exception.message)


class Order(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.a, self.b, self.c = self.endpoints = parse_endpoints("http://a:1,http://b:1,http://c:1")
        self.order = EndpointOrder(self.endpoints, lambda: self.now, first=0)

    def test_stays_at_the_node_that_answered(self) -> None:
        self.order.succeeded(self.b)
        self.assertEqual(self.order.in_order(), [self.b, self.c, self.a])

    def test_asks_a_node_that_failed_last_and_only_for_a_few_seconds(self) -> None:
        self.order.failed(self.a)
        self.now = 1.0
        self.order.failed(self.b)
        self.assertEqual(self.order.in_order(), [self.c, self.a, self.b])
        self.now = 7.0
        self.assertEqual(self.order.in_order(), [self.a, self.b, self.c])

    def test_clients_begin_at_different_nodes(self) -> None:
        firsts = {str(EndpointOrder(self.endpoints).in_order()[0]) for _ in range(200)}
        self.assertEqual(len(firsts), 3)


if __name__ == "__main__":
    unittest.main()
