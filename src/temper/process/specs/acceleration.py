"""What makes the student fast."""

from typing import Literal

from temper.config import PipelineConfig
from temper.config.engine import EngineSettings
from temper.config.rungs import STUDENT
from temper.config.stages import (
    AnswersSettings,
    DraftSettings,
    FP8Settings,
)
from temper.process.specs.base import DATA, MODEL, Facts, Spec


class AnswersSpec(Spec):
    facts = Facts(
        "answers",
        takes="dpo, `draft_prompts`",
        makes="the student's own answers, from the engine",
        outputs=DATA,
        served=(STUDENT,),
    )
    answers: AnswersSettings
    engine: EngineSettings

    @classmethod
    def of(cls, config: PipelineConfig) -> "AnswersSpec":
        return cls(answers=config.answers, engine=config.engine.without_drafter())


class DraftSpec(Spec):
    facts = Facts("draft", recipe=2, takes="dpo, answers", makes="an EAGLE-3 drafter", outputs=MODEL)
    draft: DraftSettings


class FP8Spec(Spec):
    facts = Facts(
        "fp8",
        recipe=3,
        takes="dpo, `calibration`; the drafter, for that one",
        makes="the student in static per-tensor FP8; what other calibrations would clip",
        outputs=MODEL,
    )
    fp8: FP8Settings
    part: Literal["student", "drafter"] = "student"
    """What is quantised."""

    @property
    def label(self) -> str:
        """`fp8`, or `fp8:drafter`."""
        return "fp8" if self.part == "student" else "fp8:drafter"

    @classmethod
    def of(cls, config: PipelineConfig, part: Literal["student", "drafter"] = "student") -> "FP8Spec":
        return cls(fp8=config.fp8, part=part)
