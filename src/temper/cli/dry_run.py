"""`temper run --dry-run`: every stage's settings and command line, and whether it fits, without running anything."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import yaml

from temper.capacity.architecture import Architecture
from temper.capacity.memory import GIB, needs
from temper.capacity.speed import ladder as at_most
from temper.capacity.work import work
from temper.config import PipelineConfig, Runtime
from temper.config.plan import PlanSettings
from temper.config.rungs import Rung, ladder
from temper.engine import probe
from temper.engine.command import Device
from temper.engine.command import command as engine_command
from temper.errors import ConfigError
from temper.home import app_root
from temper.process.launch import command
from temper.process.specs import SPECS, STAGES, Spec


def dry_run(config: PipelineConfig, until: str | None) -> int:
    """Print what would run. Raises ConfigError when a stage does not fit into a device's memory."""
    last = STAGES.index(until) if until else len(STAGES) - 1
    for spec in SPECS[: last + 1]:
        print("\n".join(_stage(config, spec)))
    print(f"would run {' '.join(STAGES[: last + 1])}, each unless its result is there already")
    if config.plan is not None:
        _plan(config, config.plan)
    return 0


def _stage(config: PipelineConfig, spec: type[Spec]) -> Iterator[str]:
    """Its settings as YAML, and the command lines below them."""
    facts = spec.facts
    parts = {name: getattr(config, name).model_dump(mode="json") for name in spec.reads()}
    yield f"\n--- {facts.word}\n{yaml.safe_dump(parts, sort_keys=False, default_flow_style=None, width=120).rstrip()}"
    if facts.process:
        yield f"$ {shlex.join(command(facts, Path('RUN_FOLDER'), config.runtime))}"
    for rung in spec.serves(config):
        yield f"$ {shlex.join(_serve(config, rung))}   # {rung.name}"


def _serve(config: PipelineConfig, rung: Rung) -> list[str]:
    python = Path(config.runtime.engine_python or app_root() / ".venv-engine" / "bin" / "python")
    device: Device = "cuda" if config.runtime.device == "cuda" else "cpu"
    settings = config.engine if device == "cuda" else probe(Runtime(device=device)).served(config.engine)
    return engine_command(
        python,
        Path("FP8_STUDENT" if rung.quantised else "STUDENT"),
        settings.model_copy(update={"prefix_caching": False}) if not rung.optimised else settings,
        device=device,
        port=0,
        drafter=Path("DRAFTER") if rung.trained else rung.free,
        fp8_kv=rung.quantised and config.fp8.kv_cache,
    )


def _plan(config: PipelineConfig, plan: PlanSettings) -> None:
    """Memory and time, as projected. Raises ConfigError for what does not fit."""
    base = Architecture.of(plan.shape)
    student, room = base.expanded(config.expand.every), plan.memory_gib * (1 - plan.reserve)
    print(f"\nmodel {base.parameters / 1e9:.2f} B parameters, expanded {student.parameters / 1e9:.2f} B")
    print(f"memory of one device, GiB, at most, of {room:.0f}:")
    too_much = []
    for need in needs(config, base):
        parts = ", ".join(f"{name} {size / GIB:.1f}" for name, size in need.parts.items())
        print(f"  {need.stage:<10} {need.gib:6.1f}  {parts}")
        if need.gib > room:
            too_much.append(f"{need.stage} ({need.gib:.0f} GiB)")
    print("projection from the plan's data sheet, not a measurement:")
    for item in work(config, plan, base):
        print(f"  {item.stage:<10} {item.tokens:10.3g} tokens  {item.flops:10.3g} FLOPs  {item.hours:8.2f} h at least")
    print("customer turns a second, at most, by the same data sheet; by turns in flight:")
    for rung in (rung for rung in ladder(config.benchmark) if not rung.free):
        rows = at_most(config, plan, base, (rung,))
        reached = ", ".join(f"{row.concurrency}: {row.turns_per_s:.3g} ({row.bound})" for row in rows)
        print(f"  {rung.name:<20} {reached}")
    if too_much:
        raise ConfigError(
            f"does not fit into {room:.0f} GiB: {', '.join(too_much)}; lower its batch_size or max_length (draft: "
            "batch_tokens), raise engine.tensor_parallel for the engine, or plan.memory_gib for larger devices"
        )
