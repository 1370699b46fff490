"""What each stage is: one frozen spec, which its cache key and its process both read, and the facts about it.

A spec's fields that are named like blocks of the configuration hold those blocks; the others say which of several
things is computed. `SPECS` is the one list of stages, in the order of the flow.
"""

from typing import Annotated

from pydantic import Field

from temper.process.specs.acceleration import AnswersSpec, DraftSpec, FP8Spec
from temper.process.specs.base import DomainSource, Facts, Spec
from temper.process.specs.data import SETS, BaseSpec, SynthesizeSpec, ValidateSpec
from temper.process.specs.measuring import BenchmarkSpec, EvaluateSpec, GateSpec, Machine, PromoteSpec
from temper.process.specs.training import CPTSpec, DPOSpec, ExpandSpec, PracticeSpec, SFTSpec

__all__ = [
    "SETS",
    "SPECS",
    "STAGES",
    "AnswersSpec",
    "BaseSpec",
    "BenchmarkSpec",
    "CPTSpec",
    "DPOSpec",
    "DomainSource",
    "DraftSpec",
    "EvaluateSpec",
    "ExpandSpec",
    "FP8Spec",
    "Facts",
    "GateSpec",
    "Machine",
    "PracticeSpec",
    "PromoteSpec",
    "SFTSpec",
    "Spec",
    "SynthesizeSpec",
    "Until",
    "ValidateSpec",
    "spec_of",
]

SPECS: tuple[type[Spec], ...] = (
    BaseSpec,
    SynthesizeSpec,
    ValidateSpec,
    ExpandSpec,
    CPTSpec,
    SFTSpec,
    PracticeSpec,
    DPOSpec,
    AnswersSpec,
    DraftSpec,
    FP8Spec,
    EvaluateSpec,
    BenchmarkSpec,
    GateSpec,
    PromoteSpec,
)
"""Every stage in the order of the flow."""
STAGES = tuple(spec.facts.word for spec in SPECS)
Until = Annotated[str, Field(json_schema_extra={"enum": list(STAGES)})]
"""A stage to stop after; Prefect's form offers these alone."""


def spec_of(stage: str) -> type[Spec]:
    """The class of a stage's spec. Raises KeyError for a word that names none."""
    return {spec.facts.word: spec for spec in SPECS}[stage]
