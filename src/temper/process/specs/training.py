"""What trains the student."""

from temper.config import PipelineConfig
from temper.config.engine import EngineSettings
from temper.config.rungs import STUDENT
from temper.config.stages import (
    AnswersSettings,
    CPTSettings,
    DPOSettings,
    ExpandSettings,
    SFTSettings,
)
from temper.process.specs.base import DATA, MODEL, DomainSource, Facts, Spec


class ExpandSpec(Spec):
    facts = Facts(
        "expand", takes="base", makes="a deeper model that computes the same until it is trained", outputs=MODEL
    )
    expand: ExpandSettings


class CPTSpec(Spec):
    facts = Facts(
        "cpt",
        recipe=2,
        takes="expand, `cpt`",
        makes="the adapted model: new blocks trained on documents behind their contexts, merged with the original",
        outputs=MODEL,
        trains=True,
    )
    cpt: CPTSettings


class SFTSpec(Spec):
    facts = Facts(
        "sft",
        recipe=2,
        takes="cpt, `sft`",
        makes="the tuned model: LoRA (or, with `sft.lora: null`, the weights themselves) on the answers alone, from "
        "`sft.from_block` on, merged",
        outputs=MODEL,
        trains=True,
        sharded=True,
    )
    sft: SFTSettings


class PracticeSpec(Spec):
    facts = Facts(
        "practice",
        recipe=2,
        takes="sft, `practice` (fresh training prompts with right answers)",
        makes="what the tuned model got wrong: the right answer chosen, its own rejected; left out with "
        "`synthesize.practice_prompts: {}`",
        outputs=DATA,
        served=(STUDENT,),
    )
    practice: AnswersSettings
    engine: EngineSettings
    domain: DomainSource

    @classmethod
    def of(cls, config: PipelineConfig) -> "PracticeSpec":
        engine = config.engine.without_drafter()
        return cls(practice=config.practice, engine=engine, domain=DomainSource.of(config))


class DPOSpec(Spec):
    facts = Facts(
        "dpo",
        recipe=3,
        takes="sft, `dpo`, the mistakes of `practice`",
        makes="the student: LoRA on preference pairs, from `dpo.from_block` on, merged",
        outputs=MODEL,
        trains=True,
        sharded=True,
    )
    dpo: DPOSettings
