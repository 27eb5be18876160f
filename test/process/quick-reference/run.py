"""Runs one program of the quick reference against a live cluster.

    run.py list
    run.py NAME REST_URL REST_URL…

The programs themselves use http://localhost:8500, as the document says; the URLs are for looking at what they did.
"""

from __future__ import annotations

import sys
from typing import List

import paths  # noqa: F401, I001 (before all that import the client)
import client_api  # noqa: F401
import complete_example  # noqa: F401
import discovery  # noqa: F401
import patterns  # noqa: F401
import pitfalls  # noqa: F401
import quick_start  # noqa: F401
import troubleshooting  # noqa: F401
from programs import all_programs, blocks_without_program
from registry import Registry


def main(arguments: List[str]) -> int:
    if arguments == ["list"]:
        print("\n".join(all_programs()))
        for block in blocks_without_program():
            print(f"no program runs {block}", file=sys.stderr)
        return 1 if blocks_without_program() else 0
    name, *urls = arguments
    registry = Registry(urls)
    registry.clear()
    all_programs()[name].run(registry)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
