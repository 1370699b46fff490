"""The base model: SmolLM2 out of its GGUF file as it was published, and clear refusals of what cannot be used."""

import shutil
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


def test_a_template_that_asks_the_clock_reads_the_same_on_every_day(tmp_path: Path) -> None:
    model, tokenizer = tiny_model()
    tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }} " + tokenizer.chat_template
    training.save(model, tokenizer, tmp_path / "mine")
    run = stage(tmp_path / "run", "base", {"source": "folder", "name": str(tmp_path / "mine")}, {})
    base.main(run)
    again = training.load(run.out("model"), torch.float32)[1]
    prompt = again.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False)
    assert isinstance(prompt, str) and prompt.startswith("26 Jul 2024 ")


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


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole checkpoint."""
    folder = tmp_path_factory.mktemp("tiny")
    training.save(*tiny_model(), folder)
    return folder


FOR_EVER = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
FILLS_MEMORY = "{% set n = namespace(x='xxxxxxxx') %}{% for a in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
ESCAPES = "{{ ''.__class__.__mro__[1].__subclasses__() }}"


@pytest.mark.parametrize(
    ("file", "content", "wants"),
    [
        ("model.safetensors", "half", r"model\.safetensors is cut or damaged \(.+\): copy it again"),
        ("config.json", '{"model_type": "unheard_of"}', r"no model that transformers knows \(.+unheard_of.+\): choose"),
        ("config.json", "{", r"no model that transformers knows"),
        ("config.json", '{"model_type": "vit"}', r"a vit model writes no text"),
        ("tokenizer.json", None, r"has no tokenizer: add its tokenizer\.json"),
        ("tokenizer.json", "{}", r"no tokenizer that can be read"),
        ("model.safetensors.index.json", '{"weight_map": {"a": "b.safetensors"}}', r"lacks b\.safetensors, which"),
        ("chat_template.jinja", FOR_EVER, r"template does not render .+\(it did not end within 1 s\)"),
        ("chat_template.jinja", FILLS_MEMORY, r"template does not render .+\((MemoryError|it did not end)"),
        ("chat_template.jinja", ESCAPES, r"template does not render .+unsafe"),
        ("chat_template.jinja", "{{ raise_exception('no system role') }}", r"\(no system role\): mend"),
    ],
)
def test_a_checkpoint_that_would_fail_later_is_refused_in_one_line(
    tiny: Path, tmp_path: Path, file: str, content: str | None, wants: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temper.stages.checkpoints.checked.RENDER_CPU_S", 1)
    folder = tmp_path / "mine"
    shutil.copytree(tiny, folder)
    if content is None:
        (folder / file).unlink()
    elif content == "half":
        (folder / file).write_bytes((folder / file).read_bytes()[:-1000])
    else:
        (folder / file).write_text(content)
    run = stage(tmp_path / "run", "base", {"source": "folder", "name": str(folder)}, {})
    with pytest.raises(MissingModelError, match=wants) as refused:
        base.main(run)
    assert "\n" not in str(refused.value)
    assert str(folder) in str(refused.value)


def test_an_unknown_asset_is_refused() -> None:
    with pytest.raises(MissingModelError, match="smollm2-135m-instruct"):
        model_file("gpt-9")


def test_public_text_is_plain_and_there() -> None:
    documents, questions = public_documents(), public_questions()
    assert len(documents) > 800
    assert len(questions) == len(set(questions)) == 1000
    assert all(document.text and document.title for document in documents)
    assert not any("</" in document.text for document in documents if document.source == "browsergym-workarena")
