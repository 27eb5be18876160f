"""Server-Sent Events as text: whatever pieces they come in, and however their lines end."""

import unittest
from typing import List, Tuple

import support  # noqa: F401

from chora_manifest_client import event_text
from chora_manifest_client.event_text import EventText, SentEvent


def read(text: bytes, piece_bytes: int) -> List[SentEvent]:
    reader = EventText()
    return [
        event for at in range(0, len(text), piece_bytes) for event in reader.take(text[at : at + piece_bytes])
    ]  # fmt: skip


class Text(unittest.TestCase):
    def test_events_come_out_whole_whatever_pieces_they_come_in(self) -> None:
        text = 'retry: 1000\n\n: hello\n\nid: 7\nevent: registered\ndata: {"a":\ndata: "\u00e9\u20ac"}\n\ndata:x\n\n'
        expected = [SentEvent("registered", '{"a":\n"\u00e9\u20ac"}', "7"), SentEvent("message", "x")]
        for line_end in ("\n", "\r\n", "\r"):
            whole = text.replace("\n", line_end).encode() + b": end\n"
            for piece_bytes in (1, 2, 3, 5, 7, 1_000):
                with self.subTest(line_end=line_end, piece_bytes=piece_bytes):
                    self.assertEqual(read(whole, piece_bytes), expected)

    def test_an_event_that_is_not_ended_is_none(self) -> None:
        self.assertEqual(read(b"id: 7\nevent: registered\ndata: {}\n", 100), [])

    def test_an_id_is_that_of_its_own_event_only(self) -> None:
        ids = [
            event.id for event in read(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\nid: 4\x00\ndata: d\n\n", 9)
        ]
        self.assertEqual(ids, ["1", None, None, None])

    def test_a_byte_order_mark_and_fields_that_nobody_knows_are_passed_over(self) -> None:
        self.assertEqual(read(b"\xef\xbb\xbfcolour: red\nevent\ndata: x\n\n", 2), [SentEvent("message", "x")])

    def test_an_event_without_an_end_does_not_fill_the_memory(self) -> None:
        cases: List[Tuple[str, bytes]] = [("one line", b"x" * 65_536), ("many lines", b"data: x\n" * 8_192)]
        for case, piece in cases:
            with self.subTest(case), self.assertRaises(ValueError):
                reader = EventText()
                for _ in range(2 * event_text.MAX_EVENT_CHARACTERS // len(piece)):
                    reader.take(piece)


if __name__ == "__main__":
    unittest.main()
