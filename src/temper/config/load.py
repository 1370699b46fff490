"""Read presets and apply `dotted.key=value` overrides; every mistake ends as one line that names the key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import BaseModel, Field, ValidationError

from temper.config.pipeline import PipelineConfig
from temper.config.settings import JSON
from temper.errors import ConfigError
from temper.home import app_root

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Override = Annotated[
    str, Field(json_schema_extra={"pattern": rf"^({'|'.join(PipelineConfig.model_fields)})(\.[A-Za-z0-9_]+)*=.*$"})
]
"""`dotted.key=value`; a form refuses an unknown block at once, the rest is checked when a run reads its settings."""


def presets() -> dict[str, Path]:
    """The application's presets by name."""
    return {path.stem: path for path in sorted((app_root() / "deployments").glob("*.yaml"))}


def load_preset(name: str) -> PipelineConfig:
    """The preset `name`, or the config file at that path. Raises ConfigError."""
    return resolve(name, ())


def resolve(name: str, overrides: tuple[str, ...] | list[str]) -> PipelineConfig:
    """A preset (or a config file such as a run's resolved one) with `key=value` overrides. Raises ConfigError."""
    values, origin = _read(name), (presets().get(name) or Path(name)).name
    for item in overrides:
        _set(values, item)
    return _validated(values, origin)


def _read(name: str, children: tuple[str, ...] = ()) -> dict[str, JSON]:
    """A file's settings, over those of the preset that it `extends`; `children` are the files that extend this one."""
    path = presets().get(name) or Path(name)
    if name in children:
        raise ConfigError(f"presets extend each other in a circle: {' -> '.join((*children, name))}")
    if not path.is_file():
        wrong = f"{children[-1]} extends {name!r}, which is no preset" if children else f"no preset named {name!r}"
        raise ConfigError(f"{wrong}: choose one of {', '.join(presets())}, or give a YAML file")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no settings: it must be a YAML mapping with `name`, `base`, `sft` ...")
    parent = values.pop("extends", None)
    return values if parent is None else _merged(_read(str(parent), (*children, name)), values)


def _merged(below: dict[str, JSON], above: dict[str, JSON]) -> dict[str, JSON]:
    """Mappings are merged key by key; everything else, lists too, is replaced."""
    both = {**below, **above}
    for key, value in above.items():
        lower = below.get(key)
        if isinstance(value, dict) and isinstance(lower, dict):
            both[key] = _merged(lower, value)
    return both


def override(config: PipelineConfig, overrides: list[str]) -> PipelineConfig:
    """`config` with `key=value` overrides, validated anew. Raises ConfigError."""
    values = config.model_dump(mode="json")
    for item in overrides:
        _set(values, item)
    return _validated(values, config.name)


def _set(values: dict[str, JSON], item: str) -> None:
    key, separator, text = item.partition("=")
    if not separator or not key:
        raise ConfigError(f"override {item!r} is not of the form dotted.key=value (for example sft.epochs=2)")
    *parents, last = key.split(".")
    node = values
    for parent in parents:
        below = node.setdefault(parent, {})
        if not isinstance(below, dict):
            raise ConfigError(f"override {item!r}: {parent!r} holds a value, not settings")
        node = below
    try:
        node[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {item!r}: {text!r} is not a YAML value; quote it") from error


def _validated(values: dict[str, JSON], origin: str) -> PipelineConfig:
    try:
        return PipelineConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        message = first["msg"].removeprefix("Value error, ")
        why = {"extra_forbidden": "unknown key", "missing": "missing"}.get(first["type"], message + _shown(key, first))
        hint = _near(key) if first["type"] == "extra_forbidden" else ""
        raise ConfigError(": ".join(filter(None, (origin, key, f"{why}{hint}{more}")))) from error


def _shown(key: str, refused: "ErrorDetails") -> str:
    """The refused value in brackets, where it is short and no address or name of a key, which may hold a password."""
    value = refused["input"]
    if refused["type"] == "value_error" or not isinstance(value, str | int | float | list | tuple):
        return ""
    return "" if len(str(value)) > 60 or key.endswith(("url", "uri", "store", "key_env")) else f" (it is {value!r})"


def _near(key: str) -> str:
    """The known keys beside an unknown one, as a hint."""
    import difflib

    model: type[BaseModel] = PipelineConfig
    *parents, last = key.split(".")
    for parent in parents:
        field = model.model_fields.get(parent)
        kind = field.annotation if field else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return ""
        model = kind
    close = difflib.get_close_matches(last, model.model_fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(model.model_fields)}"
