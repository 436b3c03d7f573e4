"""The house rules: the page knows no PyTorch, the studio no Gradio, and files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES, MOST_FUNCTION_LINES = 450, 60
STUDIO = sorted((ROOT / "studio").rglob("*.py"))
COMPONENTS = sorted((ROOT / "components").rglob("*.py"))


def named(path: Path) -> str:
    """A file's module name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {named(path): path for path in [*STUDIO, *COMPONENTS]}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def at_module_level(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported: not functions' bodies, not ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        skipped = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        if not skipped:
            yield child
            yield from at_module_level(child)


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """The modules that import statements name, submodules imported from a package as themselves."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            package = node.module or ""
            for alias in node.names:
                full = f"{package}.{alias.name}"
                yield full if full in MODULES else package


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("components.page", ["torch", "diffusers", "transformers"]), ("studio", ["gradio", "torch", "diffusers"])],
)
def test_importing_does_not_load(module: str, unwanted: list[str]) -> None:
    found = run_python(f"import sys, {module}; print([name for name in {unwanted!r} if name in sys.modules])")
    assert found == "[]"


@pytest.mark.parametrize(
    ("files", "unwanted"),
    [(STUDIO, {"gradio", "components"}), (COMPONENTS, {"torch", "diffusers", "transformers"})],
    ids=["studio", "components"],
)
def test_no_file_imports_what_its_side_must_not_know(files: list[Path], unwanted: set[str]) -> None:
    found = {name.split(".")[0] for path in files for name in imported(ast.walk(tree(path)))}
    assert "studio" in found
    assert not found & unwanted


def test_modules_import_each_other_without_a_cycle() -> None:
    graph = {name: set(imported(at_module_level(tree(path)))) & MODULES.keys() for name, path in MODULES.items()}
    assert sum(map(len, graph.values())) > len(graph) / 2
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", MODULES.values(), ids=MODULES.keys())
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {name: lines for name, lines in lengths.items() if lines > MOST_FUNCTION_LINES}


def test_every_file_has_a_name_that_says_what_is_in_it() -> None:
    assert not {"utils.py", "helpers.py", "misc.py", "common.py"} & {path.name for path in MODULES.values()}
