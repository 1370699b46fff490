"""The whole configuration of a run: a preset (YAML) plus `dotted.key=value` overrides, validated once, then frozen."""

from temper.config.load import Override, load_preset, override, presets, resolve
from temper.config.pipeline import PipelineConfig, Runtime
from temper.config.stages import ROLES

__all__ = ["ROLES", "Override", "PipelineConfig", "Runtime", "load_preset", "override", "presets", "resolve"]
