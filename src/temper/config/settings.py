"""What every group of settings is made of, and the part of it that identifies a computation."""

from collections.abc import Iterator
from typing import Annotated, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""What a settings object becomes in a file."""


class Unkeyed:
    """Marks a field that says where or how something is computed and not what: `Annotated[str, UNKEYED]`.

    It moves no cache key.
    """


UNKEYED = Unkeyed()
Part = TypeVar("Part", bound=BaseModel)
Count = Annotated[int, Field(ge=0)]
Length = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Folder = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
"""A name that becomes a folder or a part of one: it can lead to no other place."""


class Settings(BaseModel):
    """Frozen, and refuses what it does not know; the line under a field is its description in the Prefect form.

    A refusal never shows the refused settings as a whole: they may hold a password at the wrong place.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    def identity(self) -> dict[str, JSON]:
        """Every field that is not marked `UNKEYED`, in settings below too: what a cache key is made of."""
        return {
            name: identity(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if UNKEYED not in field.metadata
        }


def identity(value: object) -> JSON:
    """`value` as JSON, settings by their `identity`. Raises TypeError for what has no JSON form."""
    if isinstance(value, Settings):
        return value.identity()
    if isinstance(value, dict):
        return {str(key): identity(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [identity(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be part of a cache key")


def parts(value: object, kind: type[Part]) -> Iterator[Part]:
    """The settings of one kind within settings, however deep."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, BaseModel | dict):
        for _, inner in value.items() if isinstance(value, dict) else value:
            yield from parts(inner, kind)
