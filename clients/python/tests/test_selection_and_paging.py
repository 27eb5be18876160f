import unittest
from typing import Any, Callable, Dict, List

import support  # noqa: F401
from support.records import record

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
        pages = 0

        def read_page(limit: int, offset: int) -> List[Any]:
            nonlocal pages
            page = [record(name="s", id=each) for each in sorted(ids)[offset : offset + limit]]
            after_page(pages)
            pages += 1
            return page

        return [each["id"] for each in read_all(read_page)]

    def test_reads_every_page_once(self) -> None:
        for count in (0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE):
            with self.subTest(count):
                ids = [f"{n:05}" for n in range(count)]
                self.assertEqual(self.listing(ids), ids)

    def test_instances_that_leave_between_two_pages_hide_nobody_who_stays(self) -> None:
        for leaving in (1, 49, 50, 51, 400, PAGE_SIZE):
            with self.subTest(leaving):
                ids = [f"{n:05}" for n in range(3 * PAGE_SIZE)]

                def leave(page: int, ids: List[str] = ids, leaving: int = leaving) -> None:
                    if page == 0:
                        del ids[:leaving]

                found = self.listing(ids, leave)
                self.assertEqual([each for each in found if each in set(ids)], ids)

    def test_ends_where_everybody_leaves(self) -> None:
        ids = [f"{n:05}" for n in range(3 * PAGE_SIZE)]
        self.assertEqual(len(self.listing(ids, lambda _: ids.clear())), PAGE_SIZE)


if __name__ == "__main__":
    unittest.main()
