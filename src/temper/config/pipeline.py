"""`PipelineConfig`: what is computed. `Runtime`: where it runs, which is never part of a cache key."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from temper.config.addresses import TRACKING, secret, wrong
from temper.config.engine import EngineSettings
from temper.config.gate import GateSettings
from temper.config.gating import refusals
from temper.config.plan import PlanSettings
from temper.config.settings import Folder, Settings
from temper.config.stages import (
    AnswersSettings,
    BaseSettings,
    BenchmarkSettings,
    CPTSettings,
    DPOSettings,
    DraftSettings,
    EvaluateSettings,
    ExpandSettings,
    FP8Settings,
    RegistrySettings,
    SFTSettings,
    ValidateSettings,
)
from temper.config.synthesize import SynthesizeSettings


class Runtime(Settings):
    """Where and how a run happens. Changing any of it recomputes nothing."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the training stages."""
    threads: int = Field(default=0, ge=0)
    """CPU threads of a stage; 0 leaves it to the libraries."""
    processes: int = Field(default=1, ge=1)
    """Training processes on this machine (torchrun above 1)."""
    sharded: bool = False
    """SFT's and DPO's processes hold a share each of weights and optimizer state (FSDP2) instead of all of them."""
    engine_python: str | None = None
    """Python of the engine environment; by default `.venv-engine/bin/python` in the application's root."""
    store: str | None = None
    """Where artifacts are kept, a folder or any fsspec URL; by default `store` under TEMPER_HOME."""
    tracking_uri: str | None = None
    """MLflow server; by default MLFLOW_TRACKING_URI, else SQLite under TEMPER_HOME."""
    checkpoint_s: float = Field(default=60, gt=0)
    """Seconds between a trainer's checkpoints: what a kill loses at most."""
    stage_timeout_s: int = Field(default=7200, ge=1)
    """Seconds after which a stage's process group is killed."""
    engine_start_timeout_s: int = Field(default=600, ge=1)
    """Seconds that the engine gets to become healthy."""
    side_by_side: bool = False
    """Whether other stages compute on the same cores meanwhile, set by the flow."""
    pipeline_id: Folder | Literal[""] = ""
    """Identity of the pipeline run, set by the flow."""
    parent_run_id: str = ""
    """Tracking run that stage runs are nested in, set by the flow."""

    @field_validator("tracking_uri")
    @classmethod
    def _tracking_without_a_password(cls, uri: str | None) -> str | None:
        if uri and (why := wrong(uri, TRACKING)):
            raise ValueError(f"{why}: leave it out and set the variable MLFLOW_TRACKING_URI, or give the address alone")
        return uri

    @field_validator("store")
    @classmethod
    def _store_without_a_password(cls, url: str | None) -> str | None:
        if url and secret(url):
            raise ValueError("it holds a password or a key: put that into its storage's variables (AWS_... for s3)")
        return url

    @model_validator(mode="after")
    def _shares_are_of_several(self) -> Self:
        if self.sharded and self.processes < 2:
            raise ValueError("runtime.sharded shares weights among processes: set runtime.processes to 2 or more")
        return self


class PipelineConfig(Settings):
    """One experiment, whole: a preset after its overrides."""

    name: Folder
    """Short name of the experiment, the preset's by default."""
    base: BaseSettings
    """The model to start from."""
    synthesize: SynthesizeSettings
    """Data by simulation."""
    validation: ValidateSettings
    """Checks on the data."""
    expand: ExpandSettings
    """Block expansion."""
    cpt: CPTSettings
    """Continual pretraining."""
    sft: SFTSettings
    """Supervised fine-tuning."""
    practice: AnswersSettings
    """The tuned model's tries at fresh prompts."""
    dpo: DPOSettings
    """Preference alignment."""
    answers: AnswersSettings
    """The student's own answers for the drafter."""
    draft: DraftSettings
    """EAGLE-3 drafter."""
    fp8: FP8Settings
    """Static FP8 quantisation."""
    engine: EngineSettings
    """How models are served."""
    evaluate: EvaluateSettings
    """Agent scores and end-to-end passes."""
    benchmark: BenchmarkSettings
    """Speed of whole customer turns."""
    gate: GateSettings
    """What a bundle has to show."""
    registry: RegistrySettings
    """Where the champion lives."""
    plan: PlanSettings | None = None
    """What a dry run reckons memory and hours with; computes nothing, in no cache key."""
    runtime: Runtime = Runtime()
    """Where and how it runs; never part of a cache key."""

    @model_validator(mode="after")
    def _rows_are_left_to_measure_clipping(self) -> Self:
        rows = self.synthesize.calibration_in_domain + self.synthesize.calibration_public
        if self.fp8.samples >= rows:
            raise ValueError(
                f"fp8.samples={self.fp8.samples} leaves none of the {rows} calibration rows to measure clipping: "
                "lower it, or raise synthesize.calibration_in_domain"
            )
        return self

    @model_validator(mode="after")
    def _rules_can_be_judged(self) -> Self:
        if why := next(refusals(self), None):
            raise ValueError(why)
        return self
