"""What lies in a local store that no stage's result and no bundle names.

Every bundle counts as registered, whatever a registry says: it is a page of text, and a server that is away, or another
one than it was registered with, must not cost a champion its files.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from temper.artifacts.refs import KINDS

DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


def unused(store: Path) -> Iterator[list[Path]]:
    """The paths of each artifact that nothing names, its manifest first, and what killed publishers left."""
    named = _named(store)
    for kind in sorted(set(KINDS) - {"bundle"}):
        for path in sorted((store / kind).glob("*")):
            digest = path.name.removesuffix(".json")
            if digest in named:
                continue
            if path.suffix == ".json":
                yield [one for one in (path, path.with_suffix("")) if one.exists()]
            elif not path.with_name(f"{digest}.json").exists():
                yield [path]  # without a manifest it does not exist


def _named(store: Path) -> set[str]:
    """Every digest in a result or a bundle, whatever version of temper wrote it."""
    texts = [*(store / "results").glob("*.json"), *(path for path in (store / "bundle").rglob("*") if path.is_file())]
    return {digest for path in texts for digest in DIGEST.findall(path.read_text(encoding="utf-8"))}
