"""What the fp8 stage promises: static per-tensor ranges that are the calibration's own, and the student's tokenizer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from compressed_tensors.quantization import FP8_E4M3_DATA
from safetensors.torch import load_file

from temper.errors import DataError
from temper.process.specs import FP8Spec
from temper.process.stage import Report, Stage
from temper.stages import draft, fp8
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.quantising import calibration as calibration_ranges
from tests.unit.stage_run import stage as stage_in

CHAT = [{"role": "user", "content": "Which cars are there?"}, {"role": "assistant", "content": "A Corolla and a Leaf."}]
SETTINGS = {"samples": 4, "max_length": 32, "kv_cache": False, "drafter": False}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Matrices this small cost more to share out than to multiply, by orders of magnitude on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model."""
    folder = tmp_path_factory.mktemp("student")
    model, tokenizer = tiny_model()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six chats: four to calibrate on, two to measure."""
    folder = tmp_path_factory.mktemp("calibration")
    rows = [
        {
            "id": f"c{n}",
            "role": "public",
            "source": "public",
            "messages": [*CHAT[:1], {**CHAT[1], "content": f"{n} Leafs"}],
        }
        for n in range(6)
    ]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return folder


@pytest.fixture(scope="module")
def quantised(student: Path, calibration: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """The stage's result."""
    run_dir = tmp_path_factory.mktemp("run")
    return run_dir / "out" / "model", fp8.main(_stage(run_dir, student, calibration))


def _stage(run_dir: Path, student: Path, calibration: Path, **settings: object) -> Stage[FP8Spec]:
    return stage_in(run_dir, "fp8", SETTINGS | settings, {"student": student, "data": calibration})


def test_a_layer_whose_inputs_reach_far_beyond_the_others_stays_as_it_is(
    student: Path, calibration: Path, tmp_path: Path
) -> None:
    model, tokenizer = tiny_model()
    model.model.layers[5].mlp.up_proj.weight.data *= 10_000
    model.save_pretrained(tmp_path / "wide")
    tokenizer.save_pretrained(tmp_path / "wide")
    (tmp_path / "run").mkdir()
    report = fp8.main(_stage(tmp_path / "run", tmp_path / "wide", calibration, widest_range=20))
    weights = load_file(tmp_path / "run" / "out" / "model" / "model.safetensors")
    kept = {name for name in weights if name.endswith("_proj.weight") and weights[name].dtype == torch.float32}
    assert kept == {"model.layers.5.mlp.down_proj.weight"}
    assert report.metrics["layers_kept"] == 1


def test_every_linear_layer_but_the_head_is_fp8_with_one_static_scale(quantised: tuple[Path, Report]) -> None:
    weights = load_file(quantised[0] / "model.safetensors")
    linear = [name for name in weights if name.endswith("_proj.weight")]
    assert len(linear) == 8 * 7
    for name in linear:
        assert weights[name].dtype == torch.float8_e4m3fn
        assert weights[f"{name}_scale"].numel() == 1
        assert weights[name.replace("weight", "input_scale")].numel() == 1
    assert weights["model.embed_tokens.weight"].dtype == torch.float32


def test_the_input_range_is_the_largest_value_of_all_calibration_rows(
    quantised: tuple[Path, Report], student: Path, calibration: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = fp8.FP8Settings.model_validate(SETTINGS)
    rows, held_out = fp8._rows(calibration / "train.jsonl", AutoTokenizer.from_pretrained(student), settings)
    assert len(held_out) == 2
    model = AutoModelForCausalLM.from_pretrained(student)
    largest = 0.0

    def keep(_module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        nonlocal largest
        largest = max(largest, float(args[0].abs().max()))

    model.model.layers[0].self_attn.q_proj.register_forward_pre_hook(keep)
    with torch.no_grad():
        for row in rows:
            model(torch.tensor([row]))
    scale = load_file(quantised[0] / "model.safetensors")["model.layers.0.self_attn.q_proj.input_scale"]
    assert float(scale) * FP8_E4M3_DATA.max == pytest.approx(largest, rel=1e-3)


def test_tokenizer_and_template_are_the_parents_and_no_path_of_this_machine_is_kept(
    quantised: tuple[Path, Report], student: Path
) -> None:
    for name in ("tokenizer.json", "chat_template.jinja"):
        assert (quantised[0] / name).read_bytes() == (student / name).read_bytes()
    assert str(student) not in (quantised[0] / "config.json").read_text()


def test_what_was_measured_is_said(quantised: tuple[Path, Report]) -> None:
    metrics = quantised[1].metrics
    assert metrics["calibration_samples"] == 4
    assert 0 <= metrics["clip_rate_percent"] < 5


def test_longer_calibration_clips_less_and_none_of_what_it_was_calibrated_on() -> None:
    model, _ = tiny_model()
    rows = [[(7 * row + 3 * place) % 200 for place in range(40)] for row in range(6)]
    held_out, lengths = rows[:2], [1, 4, 16, 40]
    found = calibration_ranges.by_length(model, {"itself": held_out, "others": rows[2:]}, held_out, lengths)
    assert [row["step"] for row in found] == lengths
    rates = {name: [row[f"clip_rate_percent_{name}"] for row in found] for name in ("itself", "others")}
    for rate in rates.values():
        assert rate == sorted(rate, reverse=True)
        assert rate[0] > rate[-1]
    assert rates["itself"][-1] == 0


def test_too_few_rows_are_refused(student: Path, calibration: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fp8\.samples=6"):
        fp8.main(_stage(tmp_path, student, calibration, samples=6))


def test_a_drafter_is_quantised_on_its_targets_states_and_stays_bound_to_it(
    student: Path, calibration: Path, tmp_path: Path
) -> None:
    config = {
        "vocabulary": 128,
        "epochs": 1,
        "learning_rate": 1e-3,
        "ttt_steps": 2,
        "batch_tokens": 64,
        "max_length": 64,
    }
    drafting = tmp_path / "draft"
    (drafting / "checkpoints").mkdir(parents=True)
    answers = tmp_path / "answers"
    answers.mkdir()
    (answers / "train.jsonl").write_text((calibration / "train.jsonl").read_text() * 3)
    draft.main(stage_in(drafting, "draft", config, {"student": student, "data": answers}))
    drafter = drafting / "out" / "model"
    inputs = {"student": student, "data": calibration, "drafter": drafter}
    stage = stage_in(tmp_path / "fp8", "fp8", SETTINGS, inputs)
    fp8.main(stage)
    weights = load_file(stage.out("model") / "model.safetensors")
    assert weights["layers.0.self_attn.q_proj.weight"].dtype == torch.float8_e4m3fn
    assert weights["fc.input_scale"].numel() == 1
    assert weights["lm_head.weight"].dtype != torch.float8_e4m3fn
    written, own = (json.loads((folder / "config.json").read_text()) for folder in (stage.out("model"), drafter))
    assert written.pop("quantization_config")["quant_method"] == "compressed-tensors"
    assert written == own
    assert (stage.out("model") / "temper.json").read_bytes() == (drafter / "temper.json").read_bytes()


def test_divergence_is_measured_against_the_parent(quantised: tuple[Path, Report]) -> None:
    found = quantised[1].metrics
    assert 0 < found["logit_divergence_nats"] < 0.1
    assert 0 < found["same_likeliest_token_percent"] <= 100
    same = torch.randn(5, 9).log_softmax(-1)
    assert fp8.divergence(same, same) == {"logit_divergence_nats": 0.0, "same_likeliest_token_percent": 100.0}
