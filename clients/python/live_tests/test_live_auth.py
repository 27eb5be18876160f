"""The client against a live cluster that wants the bearer token of ``MANIFEST_TEST_TOKEN``."""

import os
import unittest

import live

from chora_manifest_client import ManifestClient, UnauthorizedError


class Token(unittest.TestCase):
    def test_writes_need_the_token_and_reads_do_not(self) -> None:
        token = os.environ["MANIFEST_TEST_TOKEN"]
        with ManifestClient(live.urls(), auth_token="wrong") as stranger:
            with self.assertRaises(UnauthorizedError):
                stranger.register("guarded", "1.0.0", {"CLI": "x"})
            self.assertEqual(stranger.get_instances("guarded"), [])
        with ManifestClient(live.urls(), auth_token=token) as client:
            instance_id = client.register("guarded", "1.0.0", {"CLI": "x"})
            client.heartbeat("guarded", instance_id)
            client.deregister("guarded", instance_id)


if __name__ == "__main__":
    unittest.main()
