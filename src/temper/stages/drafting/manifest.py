"""`temper.json`, beside a drafter's weights: which student, tokenizer and chat template it was made for, and how.

A drafter is worth something only with the model whose hidden states it learned; whoever serves the two together
compares the digests here with the student's.
"""

import json
from importlib.metadata import version
from pathlib import Path

from temper.artifacts.contents import contents, file_sha256
from temper.config.stages import DraftSettings

NAME = "temper.json"


def drafter_manifest(student: Path, data: Path, settings: DraftSettings) -> dict[str, object]:
    """What binds a drafter of `student`, trained on the answers in `data`."""
    return {
        "kind": "eagle3-drafter",
        "target_digest": contents(student).digest,
        "tokenizer_digest": f"sha256:{file_sha256(student / 'tokenizer.json')}",
        "chat_template_digest": f"sha256:{file_sha256(student / 'chat_template.jinja')}",
        "data_digest": contents(data).digest,
        "settings": settings.model_dump(mode="json"),
        "speculators": version("speculators"),
    }


def write(folder: Path, manifest: dict[str, object]) -> None:
    """Puts `temper.json` into a drafter's folder."""
    (folder / NAME).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
