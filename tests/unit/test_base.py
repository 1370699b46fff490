"""The base model: SmolLM2 out of its GGUF file as it was published, and clear refusals of what cannot be used."""

from pathlib import Path
from typing import Any

import pytest
import torch

from temper.assets import model_file, public_documents, public_questions
from temper.errors import MissingModelError
from temper.stages import base
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import common as training
from tests.unit.stage_run import stage


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Model and tokenizer of the asset, after the stage has saved them and they were loaded again."""
    config = {"source": "asset", "name": "smollm2-135m-instruct"}
    run = stage(tmp_path_factory.mktemp("base"), "base", config, {})
    base.main(run)
    return training.load(run.out("model"), torch.float32)


def test_smollm2_has_its_published_settings(smollm2: tuple[Any, Any]) -> None:
    model, tokenizer = smollm2
    assert model.config.rms_norm_eps == 1e-5
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.bos_token_id) == (2, 2, 1)
    assert model.config.eos_token_id == model.generation_config.eos_token_id == 2
    assert getattr(model.config, "quantization_config", None) is None
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_smollm2_splits_digits_and_adds_no_token(smollm2: tuple[Any, Any]) -> None:
    _, tokenizer = smollm2
    assert tokenizer.tokenize("in 2026") == ["in", "Ġ", "2", "0", "2", "6"]
    assert tokenizer.decode(tokenizer("Hello, 12 €!")["input_ids"]) == "Hello, 12 €!"


def test_smollm2_answers(smollm2: tuple[Any, Any]) -> None:
    model, tokenizer = smollm2
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(**prompt, max_new_tokens=16, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer)
    assert answer[-1] == tokenizer.eos_token_id


def test_a_local_folder_brings_weights_and_tokenizer_and_nothing_else(tmp_path: Path) -> None:
    training.save(*tiny_model(), tmp_path / "source")
    (tmp_path / "source" / "pytorch_model.bin").write_bytes(b"pickle")
    (tmp_path / "source" / "modeling_custom.py").write_text("raise SystemExit")
    run = stage(tmp_path / "run", "base", {"source": "folder", "name": str(tmp_path / "source")}, {})
    base.main(run)
    assert {path.suffix for path in run.out("model").iterdir()} == {".safetensors", ".json", ".jinja"}
    training.load(run.out("model"), torch.float32)


def test_the_tiny_model_is_the_same_every_time() -> None:
    (one, its_tokenizer), (other, others_tokenizer) = tiny_model(), tiny_model()
    assert its_tokenizer.get_vocab() == others_tokenizer.get_vocab()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", ["", "weights", "template"])
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "source"
    if name:
        training.save(*tiny_model(), folder)
        missing = {"weights": "model.safetensors", "template": "chat_template.jinja"}[name]
        (folder / missing).unlink()
    run = stage(tmp_path / "run", "base", {"source": "folder", "name": str(folder)}, {})
    with pytest.raises(MissingModelError, match=name or "no checkpoint"):
        base.main(run)


def test_an_unknown_asset_is_refused() -> None:
    with pytest.raises(MissingModelError, match="smollm2-135m-instruct"):
        model_file("gpt-9")


def test_public_text_is_plain_and_there() -> None:
    documents, questions = public_documents(), public_questions()
    assert len(documents) > 800
    assert len(questions) == len(set(questions)) == 1000
    assert all(document.text and document.title for document in documents)
    assert not any("</" in document.text for document in documents if document.source == "browsergym-workarena")
