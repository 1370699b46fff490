"""Expansion starts as the same function, and says which blocks it added."""

import json
from pathlib import Path

import pytest
import torch

from temper.errors import ConfigError
from temper.stages import expand
from temper.stages.checkpoints.tiny import tiny_model
from temper.stages.training import common as training
from tests.unit.stage_run import stage


@pytest.mark.parametrize(("every", "new_blocks"), [(4, [4, 9]), (8, [8]), (1, [1, 3, 5, 7, 9, 11, 13, 15])])
def test_logits_are_the_same_before_and_after(every: int, new_blocks: list[int]) -> None:
    model, tokenizer = tiny_model()
    deeper, added = expand.expand(model, every)
    assert added == new_blocks
    assert deeper.config.num_hidden_layers == 8 + len(new_blocks)
    assert expand.logit_difference(model, deeper, tokenizer.encode("A blue estate car, 2019, 41,000 km.")) == 0


def test_new_blocks_can_learn() -> None:
    model, tokenizer = tiny_model()
    deeper, (block, _) = expand.expand(model, 4)
    ids = torch.tensor([tokenizer.encode("A blue estate car.")])
    deeper(ids, labels=ids).loss.backward()
    assert deeper.model.layers[block].self_attn.o_proj.weight.grad.abs().sum() > 0
    assert deeper.model.layers[block].mlp.down_proj.weight.grad.abs().sum() > 0


def test_the_stage_writes_a_checkpoint_that_loads_as_the_same_function(tmp_path: Path) -> None:
    model, tokenizer = tiny_model()
    training.save(model, tokenizer, tmp_path / "parent")
    run = stage(tmp_path / "run", "expand", {"every": 4}, {"parent": tmp_path / "parent"})
    report = expand.main(run)
    again, _ = training.load(run.out("model"), torch.float32)
    assert expand.logit_difference(model, again, tokenizer.encode("Is the showroom open?")) == 0
    assert json.loads((run.out("model") / expand.EXPANSION).read_text()) == {"new_blocks": [4, 9]}
    assert report.metrics["new_blocks"] == 2


def test_an_expansion_that_adds_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="adds nothing"):
        expand.expand(tiny_model()[0], 9)
