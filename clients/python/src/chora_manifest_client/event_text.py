"""Server-Sent Events as text (HTML Standard, section 9.2). Without a network."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import List, Optional

#: A line may end in any of three ways. A CR at the very end waits for the LF that may follow it.
_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")

#: An event holds one record, which has at most 10 KB; more than this is no event of a registry.
MAX_EVENT_CHARACTERS = 1024 * 1024


@dataclass(frozen=True)
class SentEvent:
    """One event: what kind it is, its text, and the id by which a watch resumes after it, where it has one."""

    event: str
    data: str
    id: Optional[str] = None


class EventText:
    """Takes what arrives, in pieces of any size, and gives the events that are complete."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._event = ""
        self._data: List[str] = []
        self._id: Optional[str] = None
        self._size_characters = 0

    def take(self, piece: bytes) -> List[SentEvent]:
        """The events that end in this piece.

        Raises:
            ValueError: an event is longer than any of a registry's.
        """
        events: List[SentEvent] = []
        *lines, self._rest = _LINE_END.split(self._rest + self._decoder.decode(piece))
        for line in lines:
            self._size_characters += len(line)
            if line:
                self._take_field(line)
            else:
                if self._data:
                    events.append(SentEvent(self._event or "message", "\n".join(self._data), self._id))
                self._event, self._data, self._id, self._size_characters = "", [], None, 0
        if self._size_characters + len(self._rest) > MAX_EVENT_CHARACTERS:
            raise ValueError(f"an event of more than {MAX_EVENT_CHARACTERS} characters")
        return events

    def _take_field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
