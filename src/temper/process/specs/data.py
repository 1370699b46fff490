"""What brings and checks the data and the base model."""

from pathlib import Path

from temper.artifacts.contents import contents
from temper.config import PipelineConfig
from temper.config.settings import JSON
from temper.config.stages import (
    BaseSettings,
    ValidateSettings,
)
from temper.config.synthesize import SynthesizeSettings
from temper.errors import MissingModelError
from temper.process.specs.base import MODEL, REPORT, DomainSource, Facts, Spec
from temper.traces.bring import imported

SETS = ("cpt", "sft", "practice", "dpo", "draft_prompts", "calibration", "evaluation")
"""The data sets of a run; `practice` is left out where nothing is practised."""


class BaseSpec(Spec):
    facts = Facts(
        "base",
        takes="an asset, a folder, or a hub repository at a pinned commit",
        makes="the model, as safetensors with its chat template",
        outputs=MODEL,
    )
    base: BaseSettings
    contents: str | None = None
    """Digest of a local folder: it is what it holds, not where it lies."""

    @classmethod
    def of(cls, config: PipelineConfig) -> "BaseSpec":
        """Raises MissingModelError when the folder is not there."""
        if config.base.source != "folder":
            return cls(base=config.base)
        folder = Path(config.base.name).expanduser()
        if not folder.is_dir():
            raise MissingModelError(f"base.name: there is no folder {folder}")
        return cls(base=config.base, contents=contents(folder).digest)

    def identity(self) -> dict[str, JSON]:
        """A folder by its contents, everything else by its name."""
        return {"contents": self.contents} if self.contents else super().identity()


class SynthesizeSpec(Spec):
    facts = Facts(
        "synthesize",
        recipe=22,
        takes="a seed; what you [bring](../how-to/own-data.md); large models, if you "
        "[hire](../how-to/teachers.md) some",
        makes="the training sets (`cpt`, `sft`, `practice`, `dpo`, `draft_prompts`, `calibration`) and the "
        "`evaluation` set",
        outputs=dict.fromkeys(SETS, "dataset"),
    )
    synthesize: SynthesizeSettings
    domain: DomainSource
    own: dict[str, str]
    """Digest of each imported set."""

    @classmethod
    def of(cls, config: PipelineConfig) -> "SynthesizeSpec":
        """Raises DataError when an imported set is not there."""
        folders = {name: folder for name, folder in config.synthesize.own if folder}
        own = {name: contents(imported(folder)).digest for name, folder in folders.items()}
        return cls(synthesize=config.synthesize, domain=DomainSource.of(config), own=own)


class ValidateSpec(Spec):
    facts = Facts(
        "validate",
        recipe=3,
        takes="the base model's tokenizer, all sets",
        makes="a report with Data Docs, or a refusal: roles that alternate, answers and tool calls that parse, "
        "lengths, roles in balance, overlap with the evaluation",
        outputs=REPORT,
    )
    validation: ValidateSettings
    domain: DomainSource

    @classmethod
    def of(cls, config: PipelineConfig) -> "ValidateSpec":
        return cls(validation=config.validation, domain=DomainSource.of(config))
