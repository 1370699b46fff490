"""The settings of `synthesize`: who plays in the simulation, and how many rows of each set it makes."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from temper.config.endpoint import EndpointSettings
from temper.config.settings import UNKEYED, Count, Settings
from temper.config.stages import Role


class OwnSettings(Settings):
    sft: str | None = None
    """Folder that `temper import --as sft` made; the SFT set is not simulated then."""
    dpo: str | None = None
    """Folder that `temper import --as dpo` made; the preference pairs are not simulated then."""
    cpt: str | None = None
    """Folder that `temper import --as cpt` made; its documents replace those of the domain and the public ones."""

    @field_validator("*")
    @classmethod
    def _absolute(cls, folder: str | None) -> str | None:
        return folder and str(Path(folder).expanduser().absolute())  # stages run elsewhere than the command


class SynthesizeSettings(Settings):
    domain: Annotated[str, UNKEYED]
    """What the agents work in: a built-in domain's name (automotive), or the folder of your own."""
    seed: int
    """Seed of world, simulator, teacher and judge."""
    own: Annotated[OwnSettings, UNKEYED] = OwnSettings()
    """Imported data: a set that is named here is not simulated."""
    teacher: EndpointSettings | None = None
    """Large model that plays the roles; without one, the scripted teacher, with seeded mistakes."""
    judge: EndpointSettings | None = None
    """Large model that corrects the teacher; without one, the scripted judge."""
    simulator: EndpointSettings | None = None
    """Large model that puts the customer's lines into its own words; without one, they are said as written."""
    conversations: int = Field(ge=4)
    """Simulated conversations to train on."""
    ray: Annotated[bool, UNKEYED] = False
    """Play them on Ray's workers (RAY_ADDRESS, else this machine's cores); the same rows come out."""
    corrections: float = Field(0.0, ge=0, le=1)
    """Share of requests that leave something out in which a value is wrong at first and corrected in the next line."""
    dropped_tasks: float = Field(0.0, ge=0, le=1)
    """Share of requests that leave something out and are dropped for another one, with a question open."""
    traces_per_role: dict[Role, Count]
    """SFT traces kept for each role, spread over intents and slices."""
    mistake_rate: float = Field(ge=0, le=1)
    """Share of teacher calls with a seeded mistake."""
    judge_catch_rate: float = Field(ge=0, le=1)
    """Share of mistakes that the judge finds and corrects."""
    practice_prompts: dict[Role, Count]
    """Fresh training prompts that the tuned model tries, for each role; its mistakes join the pairs. {} is none."""
    dpo_pairs: int = Field(ge=10)
    """Preference pairs, automatic and hard negatives together at 9:1."""
    cpt_domain_documents: int = Field(ge=1)
    """Documents of the domain for continual pretraining."""
    cpt_public_documents: int = Field(ge=0)
    """Public documents for continual pretraining (replay included)."""
    document_characters: int = Field(ge=100)
    """Longest public document in any set, in characters; longer ones are cut."""
    draft_prompts: dict[Role, Count]
    """In-domain prompts that the student answers for the drafter, for each role."""
    draft_public_prompts: int = Field(ge=0)
    """Public questions that the student answers for the drafter."""
    calibration_in_domain: int = Field(ge=1)
    """In-domain rows of the FP8 calibration set."""
    calibration_public: int = Field(ge=0)
    """Public rows of the FP8 calibration set."""
    points_per_role: int = Field(ge=1)
    """Held-out evaluation points for each role."""
    scenarios: int = Field(ge=1)
    """Held-out end-to-end scenarios of ten turns."""

    @model_validator(mode="after")
    def _endpoints_are_asked_from_one_place(self) -> "SynthesizeSettings":
        if self.ray and (self.teacher or self.judge or self.simulator):
            raise ValueError(
                "ray=true would keep a budget and a journal on each worker: set it to false for a teacher, judge or"
                " simulator behind an endpoint, and raise the endpoint's `concurrency` instead"
            )
        return self

    @field_validator("domain")
    @classmethod
    def _absolute(cls, domain: str) -> str:
        own = Path(domain).expanduser()
        return str(own.absolute()) if own.is_dir() else domain
