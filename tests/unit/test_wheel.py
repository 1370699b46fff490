"""The wheel declares what it imports, the locks keep what the wheel declares, and every locked file has its hash."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from requirements.sbom import components
from temper.doctor import locked

ROOT = Path(__file__).parents[2]


def declared() -> dict[NormalizedName, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [Requirement(line) for line in project["dependencies"]]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def imported() -> set[str]:
    """Top-level modules that the package's code imports, its own and the standard library's left out."""
    names: set[str] = set()
    for path in (ROOT / "src" / "temper").rglob("*.py"):
        for node in _executed(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"temper"}


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those below `if TYPE_CHECKING`, which nobody runs."""
    yield tree
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            yield from _executed(node)


def test_the_wheel_declares_what_it_imports() -> None:
    distributions, known = importlib.metadata.packages_distributions(), declared()
    lacking = {
        module
        for module in imported()
        if not known.keys() & {canonicalize_name(name) for name in distributions.get(module, [])}
    }
    assert not lacking


def test_the_locks_keep_what_the_wheel_declares() -> None:
    for lock in ("pipeline.txt", "pipeline-cuda.txt"):
        versions = {
            canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
            for requirement in locked(ROOT / "requirements" / lock)
        }
        wrong = {name for name, wanted in declared().items() if versions[name] not in wanted.specifier}
        assert not wrong, lock


@pytest.mark.parametrize(
    "lock", ["pipeline", "pipeline-cuda", "engine-cpu", "engine-cuda", "engine-optional", "dev", "assets"]
)
def test_every_locked_package_has_hashes_but_a_torch_whose_build_is_the_machines_choice(lock: str) -> None:
    path = ROOT / "requirements" / f"{lock}.txt"
    packages = re.split(r"^(?=[A-Za-z0-9])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    lacking = [package.split("==")[0] for package in packages if "--hash=sha256:" not in package]
    assert lacking == (["torch"] if lock in {"pipeline", "engine-cpu"} else [])
    assert [item["name"] for item in components(path)] == [package.split("==")[0] for package in packages]
