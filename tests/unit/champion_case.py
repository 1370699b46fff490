"""Small registered bundles for tests: four models in a store, figures, and a gate's verdict."""

import os
from pathlib import Path

from temper.artifacts.refs import BundleRef, ModelRef
from temper.artifacts.store import Store
from temper.config import resolve
from temper.registry import bundle
from temper.registry.bundle import Bundle, Registered
from temper.registry.champions import Champions
from temper.registry.gates import Baseline, Verdict
from temper.registry.tracking import Tracker


class Case:
    """A registered model of its own, and candidates for it."""

    def __init__(self, tracker: Tracker, home: Path, name: str) -> None:
        self.name, self.tracker, self.home = name, tracker, home
        self.store = Store(home / "store")
        self.champions = Champions(tracker, name, self.store)
        self.run_id = tracker.start_pipeline(name, {})

    def bundle(self, weights: str, *, score: float = 100, passed: bool = True) -> tuple[Bundle, BundleRef]:
        """A candidate in the store."""
        parts = {part: self._model(f"{self.name} {weights} {part}") for part in ("student", "drafter", "student_fp8")}
        candidate = Bundle(
            name=self.name,
            **parts,
            drafter_fp8=parts["drafter"],
            domain="automotive",
            domain_digest="sha256:domain",
            tokenizer={},
            engine=resolve("smoke", []).engine,
            results={"score": score},
            verdict=Verdict(passed=passed, rules=()),
            versions={},
        )
        return candidate, bundle.publish(candidate, self.store)

    def enter(self, weights: str, *, score: float = 100, passed: bool = True, beside: str | None = None) -> Registered:
        """What a run does at its end; its candidate stood beside the version `beside`, if any."""
        candidate, ref = self.bundle(weights, score=score, passed=passed)
        baseline = Baseline(name=self.name, version=beside) if beside else None
        verdict = Verdict(passed=passed, rules=(), baseline=baseline)
        return self.champions.enter(candidate, ref, verdict, self.run_id)

    @property
    def aliases(self) -> tuple[str | None, str | None]:
        """Champion and previous."""
        found = self.tracker.model(self.name).aliases
        return found.get("champion"), found.get("previous")

    def _model(self, weights: str) -> ModelRef:
        folder = self.home / "parts" / weights.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "model.safetensors").exists():  # published already: the store's own file, read-only
            (folder / "model.safetensors").write_text(weights)
        return ModelRef(**self.store.publish(folder, "model").model_dump())


def flip_a_bit(path: Path) -> None:
    """As a disk may: size and time stay."""
    times, data = path.stat().st_mtime_ns, bytearray(path.read_bytes())
    data[0] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
    os.utime(path, ns=(times, times))
