"""Digests of source code: whatever code makes a result is part of that result's cache key.

Which modules make a stage's result is found from the stage's entry point, import by import. A module counts without
its comments, docstrings and layout and without the words of errors and of progress: a changed sentence computes nothing
again, a changed constant, prompt or wording does.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import temper
from temper import errors

PACKAGE = Path(temper.__file__).parent
PLUGIN = PACKAGE.parent / "temper_vllm"
"""The engine's plugin, which has the arithmetic that a CPU lacks; nothing where only the library is installed."""
APART = (
    "temper.artifacts",
    "temper.config.endpoint",
    "temper.config.engine",
    "temper.config.gate",
    "temper.config.load",
    "temper.config.pipeline",
    "temper.config.plan",
    "temper.config.settings",
    "temper.config.stages",
    "temper.config.synthesize",
    "temper.engine.installation",
    "temper.engine.server",
    "temper.errors",
    "temper.home",
    "temper.process",
    "temper.registry",
    "temper.report",
)
"""What decides no figure and no byte of a result: how stages are started, stored and shown. The values of settings are
in the key by themselves."""
ERRORS = frozenset(error.__name__ for error in errors.ALL)


def stage_digest(stage: str, *, serves: bool = False) -> str:
    """sha256 (hex) over the modules that the entry point of `stage` runs, and the engine's plugin where it `serves`."""
    lines = [*_lines(_reached([f"temper.stages.{stage}"])), *(_tree(PLUGIN) if serves else ())]
    return _hashed(lines)


def domain_digest(domain: str) -> str:
    """sha256 (hex) over a domain, built in by name or a folder: its code, what that takes from temper, its other files
    byte by byte.
    """
    built_in = PACKAGE / "domains" / domain
    folder = built_in if built_in.is_dir() else Path(domain).expanduser().absolute()
    taken = [name for path in sorted(folder.rglob("*.py")) for name in _imports(path)]
    within = f"temper.domains.{domain}"
    return _hashed([*_tree(folder), *_lines(name for name in _reached(taken) if not name.startswith(within))])


def _tree(folder: Path) -> Iterator[str]:
    """A line for each file of a folder: Python as it counts, the rest byte by byte."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            digest = _file(path) if path.suffix == ".py" else hashlib.sha256(path.read_bytes()).hexdigest()
            yield f"{path.relative_to(folder).as_posix()} {digest}"


def _lines(modules: Iterable[str]) -> Iterator[str]:
    yield from (f"{name} {_file(path)}" for name in sorted(modules) if (path := _path(name)))


def _hashed(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _reached(start: Iterable[str]) -> set[str]:
    """The modules of temper among `start` and all that they import, directly or not, but for what stands `APART`."""
    reached: set[str] = set()
    left = list(start)
    while left:
        name = left.pop()
        path = _path(name)
        if path and name not in reached and not name.startswith(APART):
            reached.add(name)
            left += _imports(path)
    return reached


def _path(name: str) -> Path | None:
    """The file of a module of temper; None where the name is no module, or the package that all lie in."""
    place = PACKAGE.joinpath(*name.split(".")[1:])
    if place == PACKAGE:
        return None
    if place.is_dir():
        return place / "__init__.py"
    return place.with_suffix(".py") if place.with_suffix(".py").is_file() else None


def _imports(path: Path) -> tuple[str, ...]:
    return _read(path, path.stat().st_mtime_ns)[1]


def _file(path: Path) -> str:
    """sha256 (hex) over a Python file as it counts."""
    return _read(path, path.stat().st_mtime_ns)[0]


@cache
def _read(path: Path, changed_ns: int) -> tuple[str, tuple[str, ...]]:
    """Digest and imports of a file as it is since `changed_ns`."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    return hashlib.sha256("\0".join(_parts(tree)).encode()).hexdigest(), tuple(_imported(tree))


def _imported(tree: ast.AST) -> Iterator[str]:
    """What a module takes from temper, inside its functions too; a name may turn out to be no module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "temper":
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("temper."))


def _parts(node: object) -> Iterator[str]:
    """A syntax tree as words: kinds of nodes and their fields that hold something, which all Python versions share."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if name not in ("type_comment", "kind") and value not in (None, []) and not _only_said(node, name):
                yield name
                yield from _parts(value)
        yield "end"
    elif isinstance(node, list):
        for item in node:
            if not _is_text(item):
                yield from _parts(item)
    else:
        yield repr(node)


def _is_text(node: object) -> bool:
    """A string that stands alone, which is a docstring or the line under a field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _only_said(node: ast.AST, field: str) -> bool:
    """Arguments of temper's own errors and of `stage.event`: sentences for people."""
    if not isinstance(node, ast.Call) or field not in ("args", "keywords"):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in ERRORS
    return isinstance(node.func, ast.Attribute) and node.func.attr == "event"
