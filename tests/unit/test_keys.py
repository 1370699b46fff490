"""What moves a cache key, and what does not."""

import shutil
from pathlib import Path

import pytest
import yaml

from temper.artifacts.refs import DatasetRef, ModelRef, Ref
from temper.config import PipelineConfig, Runtime, load_preset, override
from temper.engine import fingerprint
from temper.process import sources
from temper.process.keys import stage_key
from temper.process.specs import (
    SPECS,
    AnswersSpec,
    BenchmarkSpec,
    DPOSpec,
    EvaluateSpec,
    FP8Spec,
    Machine,
    PracticeSpec,
    Spec,
    SynthesizeSpec,
)

PARENT = ModelRef(uri="/somewhere/model/aa", digest="sha256:aa")
DATA = DatasetRef(uri="/somewhere/dataset/bb", digest="sha256:bb")

MACHINE = Machine(
    devices=("a CPU",), cpu_flags=("avx2",), cores=2, memory_gib=24, engine="vllm 0.32.0", suffix_decoding=False
)


@pytest.fixture
def config() -> PipelineConfig:
    return load_preset("smoke")


def key(config: PipelineConfig, parent: Ref = PARENT) -> str:
    return stage_key(DPOSpec.of(config), {"parent": parent, "data": DATA, "mistakes": None})


def test_a_setting_and_an_input_move_the_key(config: PipelineConfig) -> None:
    other = ModelRef(uri=PARENT.uri, digest="sha256:cc")
    assert len({key(config), key(override(config, ["dpo.beta=0.7"])), key(config, other)}) == 3


def test_where_an_artifact_lies_does_not_move_the_key(config: PipelineConfig) -> None:
    assert key(config, ModelRef(uri="s3://bucket/model/aa", digest=PARENT.digest)) == key(config)


def test_settings_of_other_stages_and_the_runtime_do_not_move_the_key(config: PipelineConfig) -> None:
    others = ["sft.epochs=9", "gate.enforce=false", "runtime.threads=7", "runtime.device=cpu"]
    assert key(override(config, others)) == key(config)


def test_how_a_drafter_is_used_moves_the_keys_of_what_has_one(config: PipelineConfig) -> None:
    longer = override(config, ["engine.draft_length=9"])

    def keys(config: PipelineConfig) -> dict[str, str]:
        specs: list[Spec] = [PracticeSpec.of(config), AnswersSpec.of(config), BenchmarkSpec.of(config, MACHINE)]
        specs += [EvaluateSpec.of(config, measured) for measured in ("dpo", "final")]
        return {spec.label: stage_key(spec, {"data": DATA}) for spec in specs}

    moved = {label for label, value in keys(config).items() if value != keys(longer)[label]}
    assert moved == {"evaluate:final", "benchmark"}


def test_budgets_of_other_measured_stages_do_not_move_an_evaluation(config: PipelineConfig) -> None:
    more = override(config, ["evaluate.points_per_role.sft=3"])
    assert EvaluateSpec.of(more, "dpo").identity() == EvaluateSpec.of(config, "dpo").identity()
    assert EvaluateSpec.of(more, "sft").identity() != EvaluateSpec.of(config, "sft").identity()


def test_whether_the_drafter_is_quantised_moves_no_key_of_the_target(config: PipelineConfig) -> None:
    other = override(config, [f"fp8.drafter={not config.fp8.drafter}"])
    assert FP8Spec.of(other).identity() == FP8Spec.of(config).identity()


def test_something_that_has_no_digest_is_refused_as_an_input(config: PipelineConfig) -> None:
    with pytest.raises(TypeError, match="no part of a cache key"):
        stage_key(DPOSpec.of(config), {"parent": config.runtime})  # type: ignore[dict-item]


def test_the_order_of_inputs_does_not_move_the_key(config: PipelineConfig) -> None:
    spec = DPOSpec.of(config)
    assert stage_key(spec, {"a": DATA, "b": PARENT}) == stage_key(spec, {"b": PARENT, "a": DATA})


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of temper's sources that keys are made of, to be changed."""
    copy = tmp_path / "temper"
    shutil.copytree(sources.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "PACKAGE", copy)
    monkeypatch.setattr(sources, "PLUGIN", copy.parent / "temper_vllm")
    return copy


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def moved(config: PipelineConfig, before: dict[str, str]) -> set[str]:
    return {stage for stage, value in all_keys(config).items() if value != before[stage]}


def all_keys(config: PipelineConfig) -> dict[str, str]:
    specs: list[Spec] = [spec.of(config) for spec in SPECS if spec.facts.process and spec is not BenchmarkSpec]
    specs.append(BenchmarkSpec.of(config, MACHINE))
    return {spec.facts.word: stage_key(spec, {}) for spec in specs}


IN_THE_DOMAIN = {"synthesize", "validate", "practice", "evaluate", "benchmark"}
"""Stages that work in the domain."""


def test_a_changed_training_wording_makes_the_sets_again(config: PipelineConfig, library: Path) -> None:
    before = all_keys(config)
    change(library / "domains" / "automotive" / "requests" / "sales.py", "test drive", "trial drive")
    assert moved(config, before) == IN_THE_DOMAIN


def test_a_changed_docstring_comment_or_error_makes_nothing_again(config: PipelineConfig, library: Path) -> None:
    before = all_keys(config)
    path = library / "synthesis" / "sets.py"
    change(path, '"""', '"""Said otherwise. ')
    path.write_text(path.read_text(encoding="utf-8") + "\n\n# a remark\n", encoding="utf-8")
    change(library / "stages" / "expand.py", "adds nothing to", "would add nothing to")
    assert moved(config, before) == set()


def test_a_file_that_a_domain_reads_is_part_of_it(config: PipelineConfig, library: Path) -> None:
    before = all_keys(config)
    (library / "domains" / "automotive" / "catalogue.json").write_text("[1]", encoding="utf-8")
    assert moved(config, before) == IN_THE_DOMAIN


def test_what_renders_and_trains_is_part_of_what_it_trains(config: PipelineConfig, library: Path) -> None:
    before = all_keys(config)
    change(library / "stages" / "training" / "trainers.py", "class ", "CHANGED = 1\n\n\nclass ")
    assert moved(config, before) == {"cpt", "sft", "dpo"}


def test_what_scores_trains_nothing_again(config: PipelineConfig, library: Path) -> None:
    before = all_keys(config)
    (library / "evaluation" / "points.py").write_text("CHANGED = 1\n", encoding="utf-8")
    assert moved(config, before) <= {"practice", "evaluate"}


def test_a_sentence_of_the_report_computes_nothing_again(config: PipelineConfig, library: Path) -> None:
    before = all_keys(config)
    for path in (library / "report").glob("*.py"):
        path.write_text("CHANGED = 1\n", encoding="utf-8")
    assert moved(config, before) == set()


def test_an_own_domain_is_what_its_files_hold_not_where_they_lie(config: PipelineConfig, tmp_path: Path) -> None:
    keys = []
    for name in ("here", "there"):
        folder = tmp_path / name / "library"
        shutil.copytree(Path(__file__).parents[2] / "docs" / "how-to" / "library", folder)
        keys.append(stage_key(SynthesizeSpec.of(override(config, [f"synthesize.domain={folder}"])), {}))
    (folder / "catalogue.json").write_text("[]", encoding="utf-8")
    keys.append(stage_key(SynthesizeSpec.of(override(config, [f"synthesize.domain={folder}"])), {}))
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("preset", ["smoke", "demo", "cpu", "h100", "h100x8"])
def test_a_resolved_configuration_has_the_keys_of_the_preset_that_it_came_from(preset: str, tmp_path: Path) -> None:
    config = load_preset(preset)
    written = tmp_path / "config.yaml"
    written.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
    assert all_keys(load_preset(str(written))) == all_keys(config)


@pytest.mark.parametrize(
    "other",
    [
        {"devices": ("another CPU",)},
        {"cpu_flags": ()},
        {"cores": 4},
        {"memory_gib": 48},
        {"engine": "vllm 0.33.0"},
        {"suffix_decoding": True},
    ],
)
def test_a_benchmark_asked_again_on_other_hardware_or_another_engine_runs_again(
    other: dict[str, object], config: PipelineConfig
) -> None:
    elsewhere = Machine.model_validate(MACHINE.model_dump() | other)
    keys = {stage_key(BenchmarkSpec.of(config, machine), {"data": DATA}) for machine in (MACHINE, elsewhere)}
    assert len(keys) == 2


def test_the_machine_that_is_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    here = fingerprint(Runtime(device="cpu"))
    assert here.engine.startswith("vllm")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(here.cores + 1)))
    assert fingerprint(Runtime(device="cpu")) != here
