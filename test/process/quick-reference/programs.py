"""The register of programs: each runs some blocks of the document and checks what they did in the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Tuple

from document import Block, block, read_blocks
from registry import Registry


@dataclass(frozen=True)
class Program:
    name: str
    blocks: Tuple[Tuple[str, int], ...]
    run: Callable[[Registry], None]


_programs: Dict[str, Program] = {}


def program(name: str, *blocks: Tuple[str, int]) -> Callable[[Callable[[Registry], None]], Callable[[Registry], None]]:
    """Enters a function in the register, with the blocks (heading and position) that it runs."""

    def enter(run: Callable[[Registry], None]) -> Callable[[Registry], None]:
        assert name not in _programs, name
        _programs[name] = Program(name, blocks, run)
        return run

    return enter


def all_programs() -> Dict[str, Program]:
    return dict(_programs)


def blocks_without_program() -> List[Block]:
    """Python blocks of the document that no program runs."""
    run = {block(heading, position) for each in _programs.values() for heading, position in each.blocks}
    return [each for each in read_blocks() if each.language == "python" and each not in run]
