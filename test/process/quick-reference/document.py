"""Takes programs out of the quick reference, where they are: nothing here is a copy of its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import List

PATH = Path(__file__).resolve().parents[3] / "docs" / "registry-quick-reference.md"

_HEADING = re.compile(r"^#{1,6} (.+?)\s*$")
_FENCE = re.compile(r"^```(\w*)\s*$")
_GOOD = "# ✅ Good"


@dataclass(frozen=True)
class Block:
    """A fenced block. ``line`` is where its text begins in the document."""

    heading: str
    language: str
    position: int
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.heading} [{self.position}]"


def read_blocks() -> List[Block]:
    """Every fenced block. ``position`` counts those of one language under one heading."""
    blocks: List[Block] = []
    heading, language, begin = "", None, 0
    lines = PATH.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        fence = _FENCE.match(line)
        if language is None and fence:
            language, begin = fence.group(1), number + 1
        elif language is not None and fence:
            position = sum(1 for block in blocks if (block.heading, block.language) == (heading, language))
            blocks.append(Block(heading, language, position, "\n".join(lines[begin - 1 : number - 1]) + "\n", begin))
            language = None
        elif language is None:
            found = _HEADING.match(line)
            heading = found.group(1) if found else heading
    return blocks


def block(heading: str, position: int = 0, language: str = "python") -> Block:
    """The block under the one heading that contains ``heading``."""
    found = [
        each
        for each in read_blocks()
        if heading in each.heading and each.position == position and each.language == language
    ]
    if len(found) != 1:
        raise LookupError(
            f"{len(found)} {language or 'plain'} blocks number {position} under a heading with {heading!r}"
        )
    return found[0]


def good_half(whole: Block) -> Block:
    """What a pitfall recommends: the part after its mark, as the part before shows what not to do."""
    before, mark, after = whole.text.partition(_GOOD)
    if not mark:
        raise LookupError(f"{whole} has no part that begins with {_GOOD!r}")
    return Block(whole.heading, whole.language, whole.position, mark + after, whole.line + before.count("\n"))


def part(whole: Block, first_line: str, until_line: str = "") -> Block:
    """The lines from ``first_line`` up to ``until_line``, for a block that prints several files."""
    lines = whole.text.splitlines(keepends=True)
    begin = next(index for index, line in enumerate(lines) if line.strip() == first_line)
    end = next((index for index, line in enumerate(lines) if until_line and line.strip() == until_line), len(lines))
    return Block(whole.heading, whole.language, whole.position, "".join(lines[begin:end]), whole.line + begin)
