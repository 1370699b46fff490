"""expand: a deeper model that starts as the same function (block expansion as in LLaMA-Pro, arXiv 2401.02415).

In: `parent` (a model).   Out: `model`, with `expansion.json` that says which blocks are new.
"""

import copy
import json
import re

import torch
from transformers import PreTrainedModel

from temper.errors import ConfigError, StageError
from temper.process.specs import ExpandSpec
from temper.process.stage import Report, Stage, run
from temper.stages.training import common as training

EXPANSION = "expansion.json"
"""Beside the checkpoint: {"new_blocks": [numbers]}."""
SILENT = re.compile(r"\.(self_attn\.o_proj|mlp\.down_proj)\.(weight|bias)$")
"""What a block adds to the residual stream passes through these; with zeros it adds nothing."""


def main(stage: Stage[ExpandSpec]) -> Report:
    """Expand, check that the logits are the same, save. Raises StageError when they are not."""
    settings = stage.spec.expand
    model, tokenizer = training.load(stage.inputs["parent"], torch.float32)
    deeper, new_blocks = expand(model, settings.every)
    difference = logit_difference(
        model, deeper, tokenizer.encode("The buyer asks for a test drive on 12 May at 10:30.")
    )
    if difference != 0:
        raise StageError(
            f"expand changed the logits by {difference:.3g}: this architecture's blocks cannot be silenced so"
        )
    folder = stage.out("model")
    training.save(deeper, tokenizer, folder)
    (folder / EXPANSION).write_text(json.dumps({"new_blocks": new_blocks}) + "\n", encoding="utf-8")
    metrics = {
        "blocks": float(deeper.config.num_hidden_layers),
        "new_blocks": float(len(new_blocks)),
        "parameters": float(deeper.num_parameters()),
        "logit_difference": difference,
    }
    return Report(metrics, {"model": "model"})


def expand(model: PreTrainedModel, every: int) -> tuple[PreTrainedModel, list[int]]:
    """A deeper copy of `model` with a silent copy of each `every`-th block behind it, and the new blocks' numbers."""
    blocks = model.config.num_hidden_layers
    if every > blocks:
        raise ConfigError(f"expand.every={every} adds nothing to {blocks} blocks: choose {blocks} or fewer")
    sources = [source for block in range(blocks) for source in [block] * (2 if (block + 1) % every == 0 else 1)]
    new_blocks = [place for place in range(1, len(sources)) if sources[place] == sources[place - 1]]
    config = copy.deepcopy(model.config)
    config.num_hidden_layers = len(sources)
    if getattr(config, "layer_types", None):
        config.layer_types = [model.config.layer_types[source] for source in sources]
    deeper: PreTrainedModel = type(model)(config)
    deeper.load_state_dict(_weights(model.state_dict(), sources, new_blocks), strict=True)
    return deeper.eval(), new_blocks


def logit_difference(one: PreTrainedModel, other: PreTrainedModel, ids: list[int]) -> float:
    """Largest difference between the two models' logits over the text `ids`."""
    with torch.no_grad():
        batch = torch.tensor([ids])
        return float((one.eval()(batch).logits - other.eval()(batch).logits).abs().max())


def _weights(state: dict[str, torch.Tensor], sources: list[int], new_blocks: list[int]) -> dict[str, torch.Tensor]:
    weights = {name: value for name, value in state.items() if ".layers." not in name}
    for place, source in enumerate(sources):
        marker = f".layers.{source}."
        for name, value in ((name, value) for name, value in state.items() if marker in name):
            silent = place in new_blocks and SILENT.search(name)
            weights[name.replace(marker, f".layers.{place}.")] = torch.zeros_like(value) if silent else value
    return weights


if __name__ == "__main__":
    run(main)
