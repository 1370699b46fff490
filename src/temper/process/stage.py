"""How a stage's process meets the pipeline: `spec.json` in, `events.jsonl` on the way, `report.json` at the end.

A stage module defines `main(stage: Stage[ItsSpec]) -> Report` and ends with `if __name__ == "__main__": run(main)`;
`python -m temper.stages.NAME RUN_DIR` starts it.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar, cast

from temper import errors
from temper.config import Runtime
from temper.process.specs import Spec, spec_of
from temper.secrets import redacted

SPEC, EVENTS, REPORT, ERROR = "spec.json", "events.jsonl", "report.json", "error.json"

LIBRARIES = {
    "torch": "torch",
    "transformers": "transformers",
    "trl": "trl",
    "peft": "peft",
    "datasets": "datasets",
    "llmcompressor": "llmcompressor",
    "compressed-tensors": "compressed_tensors",
    "speculators": "speculators",
    "great-expectations": "great_expectations",
    "numpy": "numpy",
    "temper": "temper",
}
"""Distributions whose version may decide what a stage makes -> the module that they load."""

S_co = TypeVar("S_co", bound=Spec, covariant=True)
Own = TypeVar("Own", bound=Spec)


@dataclass(frozen=True)
class Report:
    """What a stage says at its end."""

    metrics: dict[str, float] = field(default_factory=dict)
    """Figures, units in the name."""
    artifacts: dict[str, str] = field(default_factory=dict)
    """Folders below `out/` to publish: name -> kind (model, dataset, report). The folder is named like the artifact."""
    curves: list[dict[str, float]] = field(default_factory=list)
    """Figures by step: {"step": 10, "loss": 1.2}."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of the libraries that made it, by distribution; filled in by `run`."""


@dataclass(frozen=True)
class Stage(Generic[S_co]):
    """A stage's view of its own run: its spec, verified local inputs, and where to write."""

    spec: S_co
    """What is computed."""
    run_dir: Path
    inputs: dict[str, Path]
    """Local, verified folders of the input artifacts, by name."""
    runtime: Runtime
    """Where and how."""

    @property
    def name(self) -> str:
        """The stage's word."""
        return self.spec.facts.word

    @property
    def checkpoints(self) -> Path:
        """Where a trainer leaves what it needs to resume; kept when the process is killed."""
        return self.run_dir / "checkpoints"

    def out(self, artifact: str) -> Path:
        """The folder of an artifact to publish, made when missing."""
        folder = self.run_dir / "out" / artifact
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def event(self, message: str, *, done: float | None = None, of: float | None = None, **figures: float) -> None:
        """One line of progress for the person who waits; `done` of `of` makes a percentage."""
        row = {"time": time.time(), "message": redacted(message), "done": done, "of": of, **figures}
        with (self.run_dir / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({key: value for key, value in row.items() if value is not None}) + "\n")


def tell(run_dir: Path, spec: Spec, inputs: dict[str, Path], runtime: Runtime) -> None:
    """Put `spec.json` into `run_dir`, from which `read` makes the same stage in its process."""
    told = {
        "stage": spec.facts.word,
        "spec": spec.model_dump(mode="json"),
        "inputs": {name: str(path) for name, path in inputs.items()},
        "runtime": runtime.model_dump(mode="json"),
    }
    write(run_dir / SPEC, told)


def read(run_dir: Path) -> Stage[Spec]:
    """The stage whose `spec.json` lies in `run_dir`."""
    told = json.loads((run_dir / SPEC).read_text(encoding="utf-8"))
    return Stage(
        spec=spec_of(told["stage"]).model_validate(told["spec"]),
        run_dir=run_dir,
        inputs={name: Path(path) for name, path in told["inputs"].items()},
        runtime=Runtime.model_validate(told["runtime"]),
    )


def run(main: Callable[[Stage[Own]], Report]) -> None:
    """Entry point of every stage module; leaves `report.json`, or `error.json` and a non-zero exit code.

    What is written about a failure holds no secret of this process, whichever library raised it.
    """
    stage = read(Path(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # unwinds, so that an engine is stopped
    try:
        report = main(cast(Stage[Own], stage))
    except Exception as error:
        known = isinstance(error, errors.TemperError)
        code = error.exit_code if isinstance(error, errors.TemperError) else errors.StageError.exit_code
        said = str(error) if known else f"{type(error).__name__}: {error}"
        write(stage.run_dir / ERROR, {"message": redacted(said), "exit_code": code})
        print(redacted(traceback.format_exc()), file=sys.stderr, flush=True)
        raise SystemExit(code) from None
    if int(os.environ.get("RANK", "0")) == 0:
        write(stage.run_dir / REPORT, vars(report) | {"versions": loaded_versions() | report.versions})


def loaded_versions() -> dict[str, str]:
    """Versions of the libraries among `LIBRARIES` that this process has loaded."""
    return {name: metadata.version(name) for name, module in LIBRARIES.items() if module in sys.modules}


def write(path: Path, value: Mapping[str, object]) -> None:
    """Put `value` at `path` whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1), encoding="utf-8")
    part.replace(path)
