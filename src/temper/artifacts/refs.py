"""References: what stages hand to each other instead of paths. Small, frozen, and safe to cache as JSON."""

from pydantic import BaseModel, ConfigDict


class Ref(BaseModel):
    """One published artifact: `uri` says where it lies, `digest` what it holds; equal digests are equal contents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """What it is: model, dataset, report or bundle."""
    uri: str
    """Folder in the store, any fsspec URL."""
    digest: str
    """sha256 over the sorted (name, size, sha256) of its files, as `sha256:...`."""


class ModelRef(Ref):
    """A checkpoint folder: safetensors, config, tokenizer with chat template."""

    kind: str = "model"


class DatasetRef(Ref):
    """A data folder: JSON-lines files, one row a line."""

    kind: str = "dataset"


class ReportRef(Ref):
    """What a measuring stage wrote: JSON, plots, pages."""

    kind: str = "report"


class BundleRef(Ref):
    """A manifest that binds student, drafter, prompts, flags and results together."""

    kind: str = "bundle"


KINDS: dict[str, type[Ref]] = {"model": ModelRef, "dataset": DatasetRef, "report": ReportRef, "bundle": BundleRef}


class StageResult(BaseModel):
    """What a stage's task returns and Prefect caches: the references, the figures and who made them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    """The stage's one word, with the evaluated stage behind a colon where there are several (`evaluate:sft`)."""
    key: str
    """Cache key: what was computed, wherever it ran."""
    artifacts: dict[str, Ref]
    """Published artifacts by name, `model` and `data` being the usual ones."""
    metrics: dict[str, float]
    """Figures with units in their names, as they stand in the tracking server."""
    versions: dict[str, str] = {}
    """Versions of the libraries that made it, by distribution; empty where an earlier version of temper did."""
    wall_s: float
    """Seconds that the computation took when it was made."""
    run_id: str
    """Tracking run that made it."""
    pipeline_id: str
    """Pipeline run that made it; a cache hit has another one than the run that asks."""

    @property
    def model(self) -> ModelRef:
        """The checkpoint that this stage made."""
        return ModelRef(**self.artifacts["model"].model_dump())

    @property
    def report(self) -> ReportRef:
        """The report folder that this stage made."""
        return ReportRef(**self.artifacts["report"].model_dump())

    def data(self, name: str = "data") -> DatasetRef:
        """The data set `name` that this stage made."""
        return DatasetRef(**self.artifacts[name].model_dump())

    @property
    def datasets(self) -> dict[str, DatasetRef]:
        """Every data set that this stage made, by name."""
        return {name: self.data(name) for name, ref in sorted(self.artifacts.items()) if ref.kind == "dataset"}


def digests(value: object) -> object:
    """`value` with every reference in it replaced by its digest: the part of an input that is identity."""
    if isinstance(value, Ref):
        return value.digest
    if isinstance(value, StageResult):
        return {name: ref.digest for name, ref in sorted(value.artifacts.items())}
    if isinstance(value, BaseModel):
        return digests({name: getattr(value, name) for name in type(value).model_fields})
    if isinstance(value, dict):
        return {str(key): digests(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [digests(item) for item in value]
    return value
