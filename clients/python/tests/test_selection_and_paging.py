import unittest
from typing import Any, Callable, Dict, List, Optional, Tuple

import support  # noqa: F401
from support.records import record

from chora_manifest_client import ManifestError
from chora_manifest_client.paging import PAGE_SIZE, read_all
from chora_manifest_client.selection import TurnTaker


class Turns(unittest.TestCase):
    def pick(self, turns: TurnTaker, *records: Dict[str, Any]) -> str:
        return turns.pick("orchestrator", records)["id"]  # type: ignore[arg-type]

    def test_instances_that_are_up_are_taken_in_turn(self) -> None:
        turns = TurnTaker(choose=lambda count: 1)
        three = [record(id=f"o-{n}") for n in (2, 0, 1)]
        self.assertEqual([self.pick(turns, *three) for _ in range(5)], ["o-1", "o-2", "o-0", "o-1", "o-2"])

    def test_an_instance_that_comes_or_goes_does_not_upset_the_order(self) -> None:
        turns = TurnTaker(choose=lambda count: 0)
        self.assertEqual(self.pick(turns, record(id="o-0"), record(id="o-2")), "o-0")
        self.assertEqual(self.pick(turns, record(id="o-0"), record(id="o-1"), record(id="o-2")), "o-1")
        self.assertEqual(self.pick(turns, record(id="o-2")), "o-2")

    def test_only_the_best_health_is_taken(self) -> None:
        turns = TurnTaker()
        unhealthy, unknown, up = (record(id=f"o-{status}", status=status) for status in ("unhealthy", "unknown", "up"))
        for _ in range(3):
            self.assertEqual(self.pick(turns, unhealthy, unknown, up), "o-up")
            self.assertEqual(self.pick(turns, unhealthy, unknown), "o-unknown")
            self.assertEqual(self.pick(turns, unhealthy), "o-unhealthy")

    def test_different_clients_begin_with_different_instances(self) -> None:
        three = [record(id=f"o-{n}") for n in range(3)]
        self.assertEqual(len({self.pick(TurnTaker(), *three) for _ in range(200)}), 3)


class Paging(unittest.TestCase):
    def listing(self, ids: List[str], after_page: Callable[[int], None] = lambda _: None) -> List[str]:
        """Reads a list in which a cursor names the last instance of the page before, as in the registry's."""
        pages = 0

        def read_page(cursor: str) -> Tuple[List[Any], Optional[str]]:
            nonlocal pages
            left = [each for each in sorted(ids) if each > cursor]
            page = [record(name="s", id=each) for each in left[:PAGE_SIZE]]
            after_page(pages)
            pages += 1
            return page, page[-1]["id"] if len(left) > PAGE_SIZE else None

        return [each["id"] for each in read_all(read_page)]

    def test_reads_every_page_once(self) -> None:
        for count in (0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE):
            with self.subTest(count):
                ids = [f"{n:05}" for n in range(count)]
                self.assertEqual(self.listing(ids), ids)

    def test_instances_that_come_and_go_between_two_pages_hide_nobody_and_show_nobody_twice(self) -> None:
        for leaving in (1, 400, PAGE_SIZE):
            with self.subTest(leaving):
                ids = [f"{n:05}" for n in range(3 * PAGE_SIZE)]
                stay = ids[leaving:]

                def change(page: int, ids: List[str] = ids, leaving: int = leaving) -> None:
                    if page == 0:
                        ids[:leaving] = ["0-new", "1-new"]

                found = self.listing(ids, change)
                self.assertEqual([each for each in found if each in set(stay)], stay)

    def test_a_page_that_is_followed_by_itself_does_not_go_on_for_ever(self) -> None:
        with self.assertRaises(ManifestError):
            read_all(lambda _: ([], "again"))


if __name__ == "__main__":
    unittest.main()
