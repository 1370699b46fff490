"""What every stage's spec is made of, and the facts that launch, dry run and docs read of a stage."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

from temper.config import PipelineConfig
from temper.config.rungs import Rung
from temper.config.settings import UNKEYED, Settings
from temper.process.sources import domain_digest

MODEL, DATA, REPORT = {"model": "model"}, {"data": "dataset"}, {"report": "report"}
"""Artifacts of most stages, by name."""


@dataclass(frozen=True)
class Facts:
    """What there is to know of a stage without reading its code."""

    word: str
    """The stage's one word: its file, its task, its tag and the prefix of its metrics."""
    recipe: int = 1
    """Raised by hand for a change of what the stage makes that no digest sees, such as another library's behaviour."""
    takes: str = ""
    """Its inputs, for people."""
    makes: str = ""
    """Its outputs, for people."""
    outputs: dict[str, str] = field(default_factory=dict)
    """Name of each artifact it may make -> its kind."""
    trains: bool = False
    """Runs as `runtime.processes` processes."""
    sharded: bool = False
    """These may hold a share each of the weights (`runtime.sharded`). CPT measures losses around its training, which
    transformers' Trainer cannot do with a sharded model."""
    served: tuple[Rung, ...] = ()
    """What an engine serves in it, where no setting says so."""
    process: bool = True
    """Whether it runs in a process of its own."""


class Spec(Settings):
    """What one execution of a stage computes."""

    facts: ClassVar[Facts]

    @property
    def label(self) -> str:
        """The stage's word, with what it is done to behind a colon where it is done to several."""
        return self.facts.word

    @classmethod
    def reads(cls) -> tuple[str, ...]:
        """The blocks of the configuration that the stage reads."""
        return tuple(name for name in cls.model_fields if name in PipelineConfig.model_fields)

    @classmethod
    def serves(cls, config: PipelineConfig) -> tuple[Rung, ...]:
        """What an engine serves in it."""
        return cls.facts.served

    @classmethod
    def of(cls, config: PipelineConfig) -> Self:
        """The stage's spec in a run with this configuration."""
        return cls(**{name: getattr(config, name) for name in cls.reads()})


class DomainSource(Settings):
    """A domain, and what its code and its files hold."""

    name: Annotated[str, UNKEYED]
    """Built in by name, or a folder: where it lies is not what it is."""
    digest: str
    """sha256 of its sources."""

    @classmethod
    def of(cls, config: PipelineConfig) -> "DomainSource":
        """The configuration's domain as it is now."""
        return cls(name=config.synthesize.domain, digest=domain_digest(config.synthesize.domain))
