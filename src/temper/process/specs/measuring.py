"""What measures, judges and promotes."""

from pydantic import Field

from temper.config import PipelineConfig
from temper.config.engine import EngineSettings
from temper.config.gate import GateSettings
from temper.config.rungs import DRAFTER_FP8, RUNGS, STUDENT, Rung, ladder
from temper.config.settings import Settings
from temper.config.stages import (
    BenchmarkSettings,
    EvaluateSettings,
    Measured,
    RegistrySettings,
)
from temper.process.specs.base import REPORT, DomainSource, Facts, Spec


class EvaluateSpec(Spec):
    facts = Facts(
        "evaluate",
        recipe=7,
        takes="a model (the scripted teacher, or rules, without one), `evaluation`",
        makes="agent scores and end-to-end passes; once each for teacher, base, cpt, sft, dpo and final, and for two "
        "floors, rules (learns its words from `sft`) and unaided",
        outputs=REPORT,
        served=(STUDENT, DRAFTER_FP8),
    )
    evaluate: EvaluateSettings
    engine: EngineSettings
    domain: DomainSource
    measured: Measured
    """The stage whose model is measured."""
    points: int = Field(ge=0)
    """Held-out points of each role."""
    scenarios: int = Field(ge=0)
    changed: int = Field(ge=0)
    """Points of each role and change of the prompt."""

    @property
    def repairs(self) -> bool:
        """Whether M mends what agents write when scenarios are played."""
        return self.measured != "unaided"

    @property
    def label(self) -> str:
        """`evaluate:sft` and alike."""
        return f"evaluate:{self.measured}"

    @classmethod
    def of(cls, config: PipelineConfig, measured: Measured = "final") -> "EvaluateSpec":
        """How drafters are used moves nothing where none is: only the final model has one, aided or not."""
        budgets = config.evaluate
        return cls(
            evaluate=budgets,
            engine=config.engine if measured in ("final", "unaided") else config.engine.without_drafter(),
            domain=DomainSource.of(config),
            measured=measured,
            points=budgets.points_per_role.get(measured, 0),
            scenarios=budgets.scenarios.get(measured, 0),
            changed=budgets.changed_points.get(measured, 0),
        )


class Machine(Settings):
    """What a measured speed belongs to, beside the load."""

    devices: tuple[str, ...]
    """Names of the GPUs, or of the CPU."""
    cpu_flags: tuple[str, ...]
    """Its vector and matrix extensions."""
    cores: int
    """CPU cores that this process may use."""
    memory_gib: int
    """Main memory."""
    engine: str
    """The engine's distribution and version, and the torch that it computes with."""
    suffix_decoding: bool
    """Whether the engine's environment has it: a rung is measured or left out by it."""


class BenchmarkSpec(Spec):
    facts = Facts(
        "benchmark",
        recipe=11,
        takes="student, drafter, and both in FP8",
        makes="turns per second, P90 and tokens per step by configuration and concurrency, ways to guess tokens that "
        "cost no training among them; whether answers stay the same",
        outputs=REPORT,
        served=RUNGS,
    )
    benchmark: BenchmarkSettings
    evaluate: EvaluateSettings
    engine: EngineSettings
    domain: DomainSource
    machine: Machine

    @classmethod
    def serves(cls, config: PipelineConfig) -> tuple[Rung, ...]:
        """The rungs of the ladder that the settings ask for."""
        return ladder(config.benchmark)

    @classmethod
    def of(cls, config: PipelineConfig, machine: Machine) -> "BenchmarkSpec":  # type: ignore[override]
        return cls(
            machine=machine,
            benchmark=config.benchmark,
            evaluate=config.evaluate,
            engine=config.engine,
            domain=DomainSource.of(config),
        )


class GateSpec(Spec):
    facts = Facts(
        "gate",
        takes="all figures, the preset's rules",
        makes="a verdict with a reason for each rule; never cached",
        process=False,
    )
    gate: GateSettings


class PromoteSpec(Spec):
    facts = Facts(
        "promote",
        takes="models, figures, verdict",
        makes="a version of the registered model; the champion on a pass, if what it serves never was",
        process=False,
    )
    registry: RegistrySettings
