"""What the draft stage promises: what is learned, from which states, and a CPU shortcut that changes nothing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from speculators.losses import resolve_loss_config
from speculators.models.eagle3.core import Eagle3DraftModel
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from temper.artifacts.contents import contents
from temper.errors import ConfigError, DataError, StoreError
from temper.process.specs import DraftSpec
from temper.process.stage import Stage
from temper.rows import AnsweredRow, Message
from temper.stages import draft
from temper.stages.drafting import hidden_states
from temper.stages.drafting import sources as draft_sources
from temper.stages.drafting import trainer as drafter_training
from temper.stages.drafting.speculators_cpu import forward_answers
from tests.unit.stage_run import stage as stage_in

WORDS = [f"w{number}" for number in range(180)]
TEMPLATE = (
    "{% for m in messages %}<|start|> {{ m['role'] }} {{ m['content'] }} <|end|> \n {% endfor %}"
    "{% if add_generation_prompt %}<|start|> assistant {% endif %}"
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small cost more to share out than to multiply, by orders of magnitude on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of eight layers with a word tokenizer and a chat template."""
    folder = tmp_path_factory.mktemp("target")
    special = ["<|start|>", "<|end|>", "user", "assistant", "<unk>"]
    words = Tokenizer(WordLevel({word: number for number, word in enumerate(special + WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=8,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        initializer_range=0.3,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty answered prompts of several lengths, ten of them public."""
    folder = tmp_path_factory.mktemp("answers")
    rows = [
        {
            "id": f"a{n}",
            "role": "planner",
            "source": "in_domain",
            "messages": _chat(WORDS[n : n + 9], WORDS[: 5 + n % 7]),
        }
        for n in range(40)
    ]
    for row in rows[::4]:
        row["source"] = "public"
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return folder


def _answered(question: list[str], answer: list[str], *, truncated: bool = False) -> AnsweredRow:
    messages = _chat(question, answer)
    return AnsweredRow(id="1", role="planner", source="in_domain", messages=messages, truncated=truncated)


def _chat(question: list[str], answer: list[str]) -> list[Message]:
    return [{"role": "user", "content": " ".join(question)}, {"role": "assistant", "content": " ".join(answer)}]


def _stage(run_dir: Path, student: Path, answers: Path, **settings: object) -> Stage[DraftSpec]:
    config = {
        "vocabulary": 128,
        "epochs": 2,
        "learning_rate": 1e-3,
        "ttt_steps": 3,
        "batch_tokens": 64,
        "max_length": 64,
        **settings,
    }
    (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
    return stage_in(run_dir, "draft", config, {"student": student, "data": answers})


def _tokenizer(student: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(student)


def test_the_drafter_learns_the_answer_and_its_end_but_not_its_first_token(student: Path) -> None:
    tokenizer = _tokenizer(student)
    row = hidden_states.render(tokenizer, _answered(["w1", "w2"], ["w3", "w4", "w5"]), 64)
    assert row is not None
    assert tokenizer.convert_ids_to_tokens(row.drafted) == ["w4", "w5", "<|end|>"]
    assert tokenizer.convert_ids_to_tokens(row.input_ids)[-1] == "<|end|>"


def test_a_truncated_answer_teaches_no_end(student: Path) -> None:
    row = hidden_states.render(_tokenizer(student), _answered(["w1"], ["w3", "w4"], truncated=True), 64)
    assert row is not None
    assert _tokenizer(student).convert_ids_to_tokens(row.drafted) == ["w4"]


def test_rows_without_an_answer_are_refused_and_rows_too_long_are_left_out(student: Path) -> None:
    tokenizer = _tokenizer(student)
    with pytest.raises(DataError, match="does not end with the assistant"):
        unanswered = replace(_answered(["w1"], ["w2"]), messages=_chat(["w1"], ["w2"])[:1])
        hidden_states.render(tokenizer, unanswered, 64)
    assert hidden_states.render(tokenizer, _answered(WORDS[:30], ["w2", "w3"]), 16) is None


def test_states_are_those_that_transformers_names_and_the_last_before_its_norm(student: Path, tmp_path: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(student)
    alike = list(range(30, 30 + hidden_states.BEGINNING))
    ids = [[7, 8, 9, 10, 11], [12, 13], [*alike, 7], [*alike, 7, 8, 9], [*alike, 9, 8]]
    rows = [hidden_states.Row(row, [1] * len(row)) for row in ids]
    hidden_states.write(model, rows, tmp_path, _stage(tmp_path, student, tmp_path))
    for index, row in enumerate(rows):
        saved = load_file(tmp_path / "hidden_states" / f"hs_{index}.safetensors")
        with torch.no_grad():
            out = model.model(torch.tensor([row.input_ids]), output_hidden_states=True)
        expected = [out.hidden_states[layer][0] for layer in (2, 4, 5)]
        torch.testing.assert_close(saved["hidden_states"][:, :3], torch.stack(expected, 1), atol=1e-5, rtol=1e-4)
        last = model.model.norm(saved["hidden_states"][:, 3])
        torch.testing.assert_close(last, out.last_hidden_state[0], atol=1e-5, rtol=1e-4)
        assert saved["token_ids"].tolist() == row.input_ids


def test_taps_follow_the_depth_and_a_shallow_target_is_refused() -> None:
    assert hidden_states.tapped_layers(30) == [2, 15, 27]
    assert hidden_states.tapped_layers(32) == [2, 16, 29]
    with pytest.raises(ConfigError, match="7 or more"):
        hidden_states.tapped_layers(6)


def test_a_full_disk_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"need .* GiB"):
        hidden_states.check_disk(tmp_path, 2**60)


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_states_are_bfloat16_where_that_is_native_and_wanted(
    precision: str, able: bool, student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
    stage = _stage(tmp_path, student, tmp_path, precision=precision)
    rows = [hidden_states.Row([1, 2, 3], [0, 1, 0])]
    draft._extract(stage, stage.spec.draft, rows, tmp_path / "data")
    (states,) = (tmp_path / "data" / "hidden_states").iterdir()
    wanted = torch.bfloat16 if able and precision == "auto" else torch.float32
    assert load_file(states)["hidden_states"].dtype == wanted


def _draft_model(student: Path) -> Eagle3DraftModel:
    settings = draft.DraftSettings(
        vocabulary=128, epochs=1, learning_rate=1e-3, ttt_steps=3, batch_tokens=64, max_length=64
    )
    config = drafter_training.trainer_config(settings, student, Path("unused"), Path("unused"), 0.9, cuda=False)
    from argparse import Namespace

    from speculators.train.cli import build_draft_model

    torch.manual_seed(1)
    t2d = torch.zeros(len(WORDS) + 5, dtype=torch.bool)
    t2d[:128] = True
    d2t = torch.zeros(128, dtype=torch.long)
    model = build_draft_model(Namespace(**config.flatten()), Eagle3DraftModel, t2d, d2t, 128)
    assert isinstance(model, Eagle3DraftModel)
    return model


def test_the_answers_only_forward_has_the_loss_gradients_and_accuracy_of_the_library(student: Path) -> None:
    model = _draft_model(student)
    torch.manual_seed(2)
    length, hidden = 40, 32
    documents = torch.tensor([[0] * 17 + [1] * 15 + [-1] * 8])
    mask = torch.zeros(1, length, dtype=torch.long)
    mask[0, 9:16] = mask[0, 25:31] = 1
    batch = {
        "hidden_states": torch.randn(1, length, 3 * hidden),
        "input_ids": torch.randint(0, 180, (1, length)),
        "document_ids": documents,
        "loss_mask": mask,
        "position_ids": torch.cat([torch.arange(1, 18), torch.arange(1, 16), torch.zeros(8, dtype=torch.long)])[None],
        "verifier_last_hidden_states": torch.randn(1, length, hidden),
    }
    settings = {"ttt_steps": 3, "ttt_step_loss_decay": 0.9, "loss_config": resolve_loss_config("kl_div", "eager")}

    def measure(
        forward: Callable[..., tuple[Any, torch.Tensor, dict[str, torch.Tensor]]],
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        model.zero_grad()
        _, loss, metrics = forward(model, **batch, **settings)
        loss.backward()
        gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        return (
            loss.detach(),
            gradients,
            {name: value for name, value in metrics.items() if name.startswith(("full", "loss"))},
        )

    ours, theirs = measure(forward_answers), measure(Eagle3DraftModel.forward)
    torch.testing.assert_close(ours[0], theirs[0])
    assert ours[1].keys() == theirs[1].keys()
    for name, gradient in theirs[1].items():
        torch.testing.assert_close(ours[1][name], gradient, atol=1e-6, rtol=1e-4, msg=name)
    for name, value in theirs[2].items():
        torch.testing.assert_close(ours[2][name].float(), value.float(), msg=name)


def test_a_drafter_is_trained_bound_to_its_target_and_leaves_no_hidden_states(
    student: Path, answers: Path, tmp_path: Path
) -> None:
    stage = _stage(tmp_path, student, answers)
    report = draft.main(stage)
    model = tmp_path / "out" / "model"
    weights, config = load_file(model / "model.safetensors"), json.loads((model / "config.json").read_text())
    assert weights["d2t"].shape == (128,)
    assert config["speculators_config"]["verifier"]["name_or_path"] == ""
    bound = json.loads((model / "temper.json").read_text())
    assert bound["target_digest"] == contents(student).digest
    assert set(report.metrics) >= {"draft_loss", "accuracy_position_0", "accuracy_position_2", "tokens_per_s"}
    assert not (stage.checkpoints / "data").exists()


def test_sources_are_compared_on_one_budget_and_on_the_systems_own_answers(
    student: Path, answers: Path, tmp_path: Path
) -> None:
    stage = _stage(tmp_path, student, answers, budget_to_compare=40)
    report = draft.main(stage)
    for source in ("public", "own", "both"):
        assert 40 <= report.metrics[f"answer_tokens_{source}"] < 40 + 2 * 11
        assert 1 <= report.metrics[f"expected_tokens_per_step_{source}"] <= 4
    assert not list(stage.checkpoints.glob("data*"))


def test_a_budget_is_no_more_than_the_scarcer_source_has() -> None:
    rows = [hidden_states.Row([1] * 6, [0, 1, 1, 1, 1, 0], public=number < 2) for number in range(9)]
    chosen = draft_sources.choose(rows, 100)
    assert chosen == {"public": [0, 1], "own": [2, 3], "both": [0, 2]}
    assert draft_sources.choose(rows[2:], 100) == {}


def test_a_killed_training_goes_on_from_its_last_whole_epoch(student: Path, answers: Path, tmp_path: Path) -> None:
    draft.main(_stage(tmp_path, student, answers, epochs=1))
    torn = tmp_path / "checkpoints" / "speculator" / "1"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half a file")
    report = draft.main(_stage(tmp_path, student, answers, epochs=2))
    steps = [point["step"] for point in report.curves if "draft_loss" in point]
    assert len(steps) == 1, "the first epoch was trained again"
    assert steps[0] > 0
