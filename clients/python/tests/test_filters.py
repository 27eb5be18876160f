"""Conditions, as they are judged here for what a watch tells. That the registry judges in the same way is tried live."""

import unittest
from typing import Any, Dict, List, Tuple

import support  # noqa: F401
from support.records import record

from chora_manifest_client.filters import filters_of

METADATA = {
    "tags": ["core", "eu"],
    "environment": "staging",
    "dependencies": ["manifest"],
    "region": "r-1",
    "zones": [1, "b", None, [2]],
    "weight": 2.0,
    "ratio": 0.5,
    "spare": False,
    "none": None,
    "deep": {"a": 1},
}


class Filters(unittest.TestCase):
    def test_an_instance_meets_all_conditions_or_does_not_match(self) -> None:
        shown: Any = record("s", "s-1", "up", interfaces={"REST": "http://h:1"}, metadata=METADATA)
        cases: List[Tuple[Dict[str, Any], bool]] = [
            ({}, True),
            ({"service": "s"}, True),
            ({"service": "S"}, False),
            ({"name": "s"}, True),
            ({"name": "s-"}, False),
            ({"status": "up"}, True),
            ({"status": "unknown"}, False),
            ({"tag": "core"}, True),
            ({"tag": ["core", "eu"]}, True),
            ({"tag": ["core", "us"]}, False),
            ({"environment": "staging"}, True),
            ({"environment": "production"}, False),
            ({"dependency": "manifest"}, True),
            ({"dependency": "man"}, False),
            ({"interface": "REST"}, True),
            ({"interface": "rest"}, False),
            ({"region": "r-1"}, True),
            ({"owner": "me"}, False),
            ({"metadata": {"zones": 1}}, True),
            ({"metadata": {"zones": "b"}}, True),
            ({"metadata": {"zones": None}}, True),
            ({"metadata": {"zones": 2}}, False),
            ({"metadata": {"weight": 2}}, True),
            ({"metadata": {"weight": "2.0"}}, False),
            ({"metadata": {"ratio": 0.5}}, True),
            ({"metadata": {"spare": False}}, True),
            ({"metadata": {"spare": "False"}}, False),
            ({"metadata": {"none": None}}, True),
            ({"metadata": {"absent": None}}, False),
            ({"metadata": {"deep": "[object Object]"}}, False),
            ({"metadata": {"weight": 2, "ratio": 1}}, False),
            ({"status": "up", "tag": "us"}, False),
        ]
        for conditions, expected in cases:
            with self.subTest(conditions):
                self.assertEqual(filters_of(**conditions).match(shown), expected)

    def test_a_record_that_says_nothing_meets_no_condition(self) -> None:
        for conditions in ({"tag": "core"}, {"dependency": "manifest"}, {"environment": "staging"}, {"region": "r-1"}):
            with self.subTest(conditions):
                shown: Any = record("s", "s-1")
                self.assertFalse(filters_of(**conditions).match(shown))  # type: ignore[arg-type]

    def test_versions_are_judged_by_the_registry(self) -> None:
        self.assertFalse(filters_of(version="^1").are_judged_here)
        self.assertTrue(filters_of(status="up").are_judged_here)


if __name__ == "__main__":
    unittest.main()
