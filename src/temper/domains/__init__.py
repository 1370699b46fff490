"""What the agent system works in. `load_domain` finds a built-in domain by name, or yours by its folder."""

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from temper.domains.base import Domain
from temper.errors import ConfigError

BUILT_IN = ("automotive", "travel")


def load_domain(name: str) -> Domain:
    """The built-in domain `name`, or the one that the package in the folder `name` provides as `DOMAIN`.

    Raises ConfigError when there is none.
    """
    module = importlib.import_module(f"temper.domains.{name}") if name in BUILT_IN else _package(Path(name))
    if not hasattr(module, "DOMAIN"):
        raise ConfigError(f"{name}/__init__.py provides no DOMAIN (docs/how-to/own-domain.md)")
    domain: Domain = module.DOMAIN
    return domain


def source_digest(name: str) -> str:
    """sha256 over the Python files of your own domain's folder; "" for a built-in one, which comes with temper."""
    if name in BUILT_IN:
        return ""
    digest, folder = hashlib.sha256(), Path(name).expanduser().absolute()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _package(folder: Path) -> ModuleType:
    """The package in a folder, under a name of its own."""
    start = folder.expanduser().absolute() / "__init__.py"
    if not start.is_file():
        raise ConfigError(
            f"no domain {str(folder)!r}: built in are {', '.join(BUILT_IN)}; a folder needs an __init__.py"
        )
    name = f"temper_own_domain_{start.parent.name}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, start, submodule_search_locations=[str(start.parent)])
        assert spec is not None and spec.loader is not None  # a file that is there has both
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise ConfigError(f"{start} cannot be imported: {type(error).__name__}: {error}") from error
    return sys.modules[name]
