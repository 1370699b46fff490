"""The bundle: one small folder that binds student, drafter, both in FP8, prompts, engine flags and results."""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from temper.artifacts.refs import BundleRef, ModelRef
from temper.artifacts.store import Store
from temper.config.engine import EngineSettings
from temper.errors import StoreError
from temper.registry.gates import Verdict

MANIFEST = "bundle.json"
MODELS = ("student", "drafter", "student_fp8", "drafter_fp8")
"""Checkpoints of a bundle."""
TOKENIZER = ("tokenizer.json", "chat_template.jinja")
"""Files that decide which tokens a conversation becomes."""


class Bundle(BaseModel):
    """What is served together, and what it showed when it was measured together.

    Nothing in it says which run asked: the same parts with the same figures are the same bundle.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = 2
    name: str
    """Registered model."""
    student: ModelRef
    """What all training ended in, unquantised."""
    drafter: ModelRef
    """Its EAGLE-3 drafter."""
    student_fp8: ModelRef
    """The student in FP8."""
    drafter_fp8: ModelRef
    """The drafter that goes with it; the plain one where the preset leaves it so."""
    domain: str
    """What the agents work in."""
    domain_digest: str
    """Prompts, tool schemas and rules: a drafter is bound to them."""
    tokenizer: dict[str, str]
    """sha256 of the tokenizer's files, by name."""
    engine: EngineSettings
    """How it is served."""
    results: dict[str, float]
    """Figures that the gate judged."""
    verdict: Verdict
    """What the gate said."""
    versions: dict[str, dict[str, str]]
    """Versions of the libraries that made its results, by stage and distribution: those of then, not today's."""

    @property
    def serves(self) -> str:
        """Digest of what it serves and how, whatever was measured: its identity as a champion."""
        parts = {"parts": self.digests, "engine": self.engine.model_dump(mode="json")}
        return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def models(self) -> dict[str, ModelRef]:
        """Its checkpoints, by name."""
        return {name: getattr(self, name) for name in MODELS}

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each part, for reports."""
        models = {name: model.digest for name, model in self.models.items()}
        return models | {"domain": self.domain_digest} | self.tokenizer


class Registered(BaseModel):
    """A bundle as a version of its registered model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Registered model."""
    version: str
    """Its version."""
    champion: bool
    """Whether it is the champion now."""
    why: str
    """What became of the champion, and why: a sentence for people."""
    ref: BundleRef
    """Its manifest in the store."""
    digests: dict[str, str]
    """Digest of each part."""


class Champion(BaseModel):
    """The served pair of the registered model's champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Registered model."""
    version: str
    """Its version."""
    student_fp8: ModelRef
    """The student in FP8."""
    drafter_fp8: ModelRef
    """The drafter that goes with it."""


def domain_digest(domain: str) -> str:
    """Digest of a domain's prompts, tool schemas and rules, and of its code where it is your own.

    Raises ConfigError for an unknown domain.
    """
    from temper.agents.prompts import Prompter
    from temper.domains import load_domain, source_digest

    prompts, code = Prompter(load_domain(domain)).digest(), source_digest(domain)
    return "sha256:" + hashlib.sha256(f"{prompts} {code}".encode()).hexdigest() if code else prompts


def tokenizer_digests(model: ModelRef, store: Store) -> dict[str, str]:
    """sha256 of the tokenizer's files in a checkpoint."""
    return {entry.name: entry.sha256 for entry in store.manifest(model).entries if entry.name in TOKENIZER}


def publish(bundle: Bundle, store: Store) -> BundleRef:
    """Put the manifest into the store. It names parts by their place below the root: equal in two stores is one."""
    manifest = bundle.model_dump(mode="json")
    for part in MODELS:
        manifest[part]["uri"] = "/".join((manifest[part]["kind"], manifest[part]["digest"].removeprefix("sha256:")))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        return BundleRef(**store.publish(Path(folder), "bundle").model_dump())


def load(ref: BundleRef, store: Store) -> Bundle:
    """The bundle behind `ref`, each part of it read and found to be what was registered. Raises StoreError."""
    store.verify(ref)
    path = store.open(ref) / MANIFEST
    try:
        bundle = Bundle.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise StoreError(
            f"{path} is no bundle that this version of temper reads ({error.error_count()} fields differ): "
            "make it again by a run with another registry.name"
        ) from error
    verified: set[str] = set()
    for part, model in bundle.models.items():
        if model.digest in verified:  # the drafters may be one
            continue
        verified.add(model.digest)
        try:
            store.verify(model)
        except StoreError as error:
            raise StoreError(f"{bundle.name}: its {part} cannot be served: {error}") from error
    return bundle
