"""What every group of settings is made of."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen, and refuses what it does not know; the line under a field is its description in the Prefect form."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
