"""Quantise an EAGLE-3 drafter as its student is: static FP8, on the states that the student shows it.

vLLM reads the drafter's own `quantization_config` (its `get_draft_quant_config`), so a drafter is quantised apart from
its student and the two go together in any combination.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import QuantizationModifier
from speculators.models.eagle3.config import Eagle3SpeculatorConfig
from speculators.models.eagle3.core import Eagle3DraftModel
from torch.utils.data import DataLoader
from transformers import PreTrainedModel

from temper.stages.drafting import manifest
from temper.stages.drafting.hidden_states import tap

Batch = dict[str, torch.Tensor]


def calibration_batches(student: PreTrainedModel, rows: list[list[int]]) -> list[Batch]:
    """What the drafter sees of `rows`: each token with the student's states one before it, as in training."""
    return list(_batches(student, rows))


def _batches(student: PreTrainedModel, rows: list[list[int]]) -> Iterator[Batch]:
    with torch.inference_mode(), tap(student) as captured:
        for row in rows:
            ids = torch.tensor([row], device=student.device)
            student.base_model(input_ids=ids, use_cache=False)
            states = torch.cat([captured[slot] for slot in range(3)], dim=-1)
            yield {
                "hidden_states": states[:, :-1].float(),
                "input_ids": ids[:, 1:],
                "document_ids": torch.zeros_like(ids[:, 1:]),
                "position_ids": torch.arange(1, len(row), device=student.device)[None],
            }


def quantise(drafter: Path, student: Path, batches: list[Batch], recipe: QuantizationModifier, folder: Path) -> None:
    """Writes the quantised drafter to `folder`, bound to the same student as before."""
    config = Eagle3SpeculatorConfig.from_pretrained(drafter)
    config.speculators_config.verifier.name_or_path = str(student)  # the library loads the embeddings from there
    config.transformer_layer_config._attn_implementation = "sdpa"  # flex attention is compiled for CUDA alone
    model = Eagle3DraftModel.from_pretrained(drafter, config=config, dtype=torch.float32)
    model.config.name_or_path = str(student)  # oneshot reads a config there, and a drafter's is not transformers' own
    oneshot(
        model=model.to(batches[0]["input_ids"].device),
        processor=str(student),
        dataset=DataLoader(batches, batch_size=None),  # type: ignore[arg-type]
        recipe=recipe,
        num_calibration_samples=len(batches),
        pipeline="basic",
    )
    own = json.loads((drafter / "config.json").read_text(encoding="utf-8"))
    model.embed_tokens.to(getattr(torch, own["dtype"]))  # as it was stored, half the file
    model.save_pretrained(folder, save_compressed=True)
    # llm-compressor saves the config that it found under that name: only its quantisation belongs to the drafter.
    saved = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    own["quantization_config"] = saved["quantization_config"]
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            path.unlink()
    (folder / "config.json").write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(drafter / manifest.NAME, folder / manifest.NAME)
