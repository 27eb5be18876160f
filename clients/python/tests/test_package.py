"""The package as such."""

import ast
import pickle
import re
import sys
import unittest

import support

from chora_manifest_client import ManifestError, ServiceNotFoundError, __version__

PACKAGE = support.PROJECT / "src" / "chora_manifest_client"
OLDEST = (3, 9)


def too_new(text: str) -> str:
    """What the oldest Python that the package promises cannot read or run in a source; empty where there is nothing."""
    try:
        tree = ast.parse(text, feature_version=OLDEST)
    except SyntaxError as problem:
        return str(problem)
    # Types are joined with | from 3.10 on. It is looked for everywhere, as these sources have no other use for it.
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)]
    return f"X | Y in lines {lines}" if lines else ""


class Package(unittest.TestCase):
    def test_states_one_version(self) -> None:
        text = (support.PROJECT / "pyproject.toml").read_text(encoding="utf-8")
        found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
        self.assertEqual(found and found.group(1), __version__)

    def test_is_marked_as_typed(self) -> None:
        self.assertTrue((PACKAGE / "py.typed").exists())

    @unittest.skipUnless(hasattr(sys, "stdlib_module_names"), "this Python cannot list its standard library")
    def test_imports_the_standard_library_only(self) -> None:
        for source in PACKAGE.glob("*.py"):
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                modules = []
                if isinstance(node, ast.Import):
                    modules = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    modules = [str(node.module)]
                for module in modules:
                    with self.subTest(f"{source.name}: {module}"):
                        self.assertIn(module.partition(".")[0], getattr(sys, "stdlib_module_names"))

    def test_is_written_in_what_the_oldest_python_reads(self) -> None:
        for source in sorted(support.PROJECT.rglob("*.py")):
            with self.subTest(source.name):
                self.assertEqual(too_new(source.read_text(encoding="utf-8")), "")

    def test_what_the_oldest_python_does_not_read_is_found(self) -> None:
        for text in ("match x:\n    case 1: pass", "try: pass\nexcept* OSError: pass", "A = int | None"):
            with self.subTest(text):
                self.assertNotEqual(too_new(text), "")

    def test_errors_survive_the_way_between_processes(self) -> None:
        error = ServiceNotFoundError("service_not_found", "no such service", value="s", http_status=404)
        copy = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(copy), str(copy), vars(copy)), (type(error), str(error), vars(error)))

    def test_an_error_is_made_of_a_code_and_a_message(self) -> None:
        error = ManifestError("some_code", "what happened")
        self.assertEqual((error.error_code, error.message, error.retryable), ("some_code", "what happened", False))


if __name__ == "__main__":
    unittest.main()
