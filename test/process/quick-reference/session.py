"""Runs blocks of the document, one after the other, in one namespace, exactly as they are printed."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import dis
import inspect
import io
import sys
from dataclasses import dataclass
from types import CodeType
from typing import Any, Dict, Iterator, Mapping, Optional, Set

from document import PATH, Block


@dataclass(frozen=True)
class Given:
    """Something that a program presumes, and why the runner has to provide it."""

    value: Any
    reason: str


class Session:
    """A namespace, and what the programs in it have printed.

    The names given must be exactly those that the blocks use without making them, so that the runner cannot lend a
    program more than it lacks.
    """

    def __init__(
        self, given: Mapping[str, Given], *blocks: Block, left_out: Optional[Mapping[str, Any]] = None
    ) -> None:
        self._blocks = blocks
        self._left_out = dict(left_out or {})
        self._codes = [self._compile(block) for block in blocks]
        self._check_names(set(given))
        self.names: Dict[str, Any] = {"__name__": "__main__", **{name: each.value for name, each in given.items()}}
        self.printed = ""

    def run(self) -> "Session":
        """Runs all blocks; those that await get an event loop."""
        with self._capture():
            for code in self._codes:
                if code.co_flags & inspect.CO_COROUTINE:
                    asyncio.run(self._await(code))
                else:
                    exec(code, self.names)
        return self

    async def run_async(self) -> "Session":
        """Runs all blocks inside the event loop of the caller."""
        with self._capture():
            for code in self._codes:
                await self._await(code)
        return self

    async def _await(self, code: CodeType) -> None:
        result = eval(code, self.names)
        if code.co_flags & inspect.CO_COROUTINE:
            await result

    def _compile(self, block: Block) -> CodeType:
        tree: ast.Module = ast.increment_lineno(ast.parse(block.text), block.line - 1)
        if any(isinstance(node, ast.Constant) and node.value is Ellipsis for node in ast.walk(tree)):
            tree = ast.fix_missing_locations(_Filler(block, self._left_out).visit(tree))
        code: CodeType = compile(tree, str(PATH), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return code

    def _check_names(self, given: Set[str]) -> None:
        lacking: Set[str] = set()
        made: Set[str] = set()
        for code in self._codes:
            loads, stores = _names_of(code)
            made |= stores
            lacking |= {name for name in loads - made if not hasattr(builtins, name) and not name.startswith("__")}
        if lacking != given:
            where = ", ".join(map(str, self._blocks))
            raise AssertionError(
                f"{where} lacks {sorted(lacking - given)} and is given {sorted(given - lacking)} without need"
            )

    @contextlib.contextmanager
    def _capture(self) -> Iterator[None]:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                yield
        finally:
            self.printed = printed.getvalue()
            sys.stdout.write(self.printed)


class _Filler(ast.NodeTransformer):
    """Puts values where the text has ``...`` for the reader to fill in, and changes nothing else.

    ``left_out`` maps the name of the called function, or the key of the list, to what stands there.
    """

    def __init__(self, block: Block, left_out: Mapping[str, Any]) -> None:
        self._block = block
        self._left_out = left_out

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if any(_is_ellipsis(argument) for argument in node.args):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.dump(node.func)
            node.args = [argument for argument in node.args if not _is_ellipsis(argument)]
            node.keywords += [ast.keyword(key, _literal(value)) for key, value in self._values_of(name).items()]
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        for index, (key, value) in enumerate(zip(node.keys, node.values)):
            if isinstance(value, ast.List) and any(_is_ellipsis(element) for element in value.elts):
                assert isinstance(key, ast.Constant)
                node.values[index] = _literal(self._values_of(str(key.value)))
        return node

    def _values_of(self, name: str) -> Any:
        if name not in self._left_out:
            raise AssertionError(f"{self._block} leaves something out at {name}: say what stands there")
        return self._left_out[name]


def _is_ellipsis(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _literal(value: Any) -> ast.expr:
    """A value as source, or a name that the namespace holds."""
    return ast.parse(value.name if isinstance(value, Name) else repr(value), mode="eval").body


@dataclass(frozen=True)
class Name:
    """Stands for a variable of the program in ``left_out``."""

    name: str


def _names_of(code: CodeType) -> "tuple[Set[str], Set[str]]":
    """Global names that the code and all code inside it use, and those that it makes."""
    loads: Set[str] = set()
    stores: Set[str] = set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            loads.add(str(instruction.argval))
        elif instruction.opname in ("STORE_NAME", "STORE_GLOBAL"):
            stores.add(str(instruction.argval))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner_loads, inner_stores = _names_of(constant)
            loads |= inner_loads
            stores |= inner_stores
    return loads, stores
