"""One heartbeat, and what may come between its steps."""

import unittest
from unittest import mock

import support  # noqa: F401
from support.fake_registry import FakeRegistry

from chora_manifest_client import ManifestClient
from chora_manifest_client.heart import Heart


class AHeartbeat(unittest.TestCase):
    def test_that_is_ended_right_before_it_registers_again_does_not(self) -> None:
        registry = FakeRegistry()
        self.addCleanup(registry.stop)
        client = ManifestClient(registry.url, retries=0)
        self.addCleanup(client.close)
        heart = Heart(client._leases, "s", client.register("s", "1.0.0", {"CLI": "s"}))
        registry.lose_everything()
        looks = []

        def look(name: str, instance_id: str) -> bool:
            """Whether it was deregistered; the second look follows the answer that the instance is not known."""
            looks.append(name)
            if len(looks) == 2:
                heart.end()
            return False

        with mock.patch.object(client._leases, "was_deregistered", look):
            beat = heart.beat(5.0)
        self.assertEqual((registry.listed, registry.count("POST")), ({}, 1))
        self.assertTrue(beat.is_last)
        self.assertEqual(len(looks), 2)
