"""`temper.json`, beside a drafter's weights: which target, tokenizer and chat template it was made for, and how.

A drafter is worth something only with the model whose hidden states it learned; whoever serves the two together
compares the digests here with the target's.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temper.config.stages import DraftSettings

NAME = "temper.json"


def drafter_manifest(target: Path, data: Path, settings: DraftSettings) -> dict[str, Any]:
    """What binds a drafter of `target`, trained on the answers in `data`."""
    return {
        "kind": "eagle3-drafter",
        "target_digest": folder_digest(target),
        "tokenizer_digest": _digest(target / "tokenizer.json"),
        "chat_template_digest": _digest(target / "chat_template.jinja"),
        "data_digest": folder_digest(data),
        "settings": settings.model_dump(mode="json"),
        "speculators": version("speculators"),
    }


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Puts `temper.json` into a drafter's folder."""
    (folder / NAME).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def folder_digest(folder: Path) -> str:
    """sha256 over the sorted (name, size, sha256) of the files in `folder`, as references carry it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rows = [[path.relative_to(folder).as_posix(), path.stat().st_size, _digest(path)] for path in files]
    return "sha256:" + hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
