"""fp8: quantise weights and input activations to static FP8, per tensor, with min-max ranges from calibration rows.

    python -m temper.stages.fp8 RUN_DIR

In: the aligned student (`parent`), calibration chats (`data`); with a `drafter`, that one is quantised on the states
that the student shows it, so that the student itself can be quantised while its drafter is still in training.
Out: `model`, a compressed-tensors checkpoint for vLLM. The output head stays as it is, and so do layers whose inputs
range far beyond the others' (`widest_range`). Min and max are those of all calibration rows (observer `static_minmax`;
llm-compressor's `minmax` is a moving average).
"""

import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import QuantizationModifier
from torch.nn import Linear
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from temper.config.stages import FP8Settings
from temper.errors import DataError
from temper.stage import Report, Stage, run
from temper.stages import fp8_drafter
from temper.stages.rendering import Message, read_rows

HELD_OUT = 8
"""Rows that stay out of the calibration to measure what it clips."""
HEADS = ["lm_head", "verifier_lm_head"]
"""What stays as it is; the second is the trainer's copy of the target's head inside a drafter."""
COMPARED = 64
"""Last tokens of each of them whose next-token probabilities are compared with the parent's."""
FP8_MAX = torch.finfo(torch.float8_e4m3fn).max
STATIC = QuantizationArgs(
    num_bits=8, type="float", strategy="tensor", symmetric=True, dynamic=False, observer="static_minmax"
)
BESIDE = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
"""Files that go with a checkpoint byte by byte, so that the quantised target has its parent's digests of them."""


def main(stage: Stage) -> Report:
    """Quantise the target, or the drafter if one is handed in."""
    settings = FP8Settings.model_validate(stage.config)
    parent, started = stage.inputs["parent"], time.perf_counter()
    calibration, held_out = _rows(stage.inputs["data"] / "train.jsonl", AutoTokenizer.from_pretrained(parent), settings)
    stage.event(f"calibrating on {len(calibration)} rows", done=0, of=1)
    cuda = torch.cuda.is_available() and stage.runtime.get("device", "auto") != "cpu"
    model = AutoModelForCausalLM.from_pretrained(
        parent, dtype="auto" if cuda else torch.float32, device_map="cuda" if cuda else "cpu"
    )
    folder, metrics = stage.out("model"), {}
    if "drafter" in stage.inputs:
        batches = fp8_drafter.calibration_batches(model, calibration)
        fp8_drafter.quantise(stage.inputs["drafter"], parent, batches, recipe(), folder)
    else:
        before = _log_probabilities(model, held_out)
        wide = widest(model, calibration, settings.widest_range) if settings.widest_range else []
        metrics["layers_kept"] = float(len(wide))
        _calibrate(model, parent, calibration, settings, wide)
        stage.event("measuring the clip rate", done=1, of=1)
        metrics["clip_rate_percent"] = 100 * clip_rate(model, held_out)
        metrics |= divergence(before, _log_probabilities(model, held_out))
        _save(model, parent, folder)
    metrics |= {
        "calibration_samples": float(len(calibration)),
        "calibration_tokens": float(sum(map(len, calibration))),
        "size_mib": sum(file.stat().st_size for file in folder.iterdir()) / 2**20,
        "seconds": time.perf_counter() - started,
    }
    return Report(metrics, {"model": "model"})


def _calibrate(
    model: PreTrainedModel, parent: Path, rows: list[list[int]], settings: FP8Settings, kept: list[str]
) -> None:
    oneshot(
        model=model,
        processor=str(parent),
        dataset=Dataset.from_dict({"input_ids": rows}),
        recipe=recipe(settings.kv_cache, kept),
        num_calibration_samples=len(rows),
        max_seq_length=settings.max_length,
        shuffle_calibration_samples=False,
        pipeline="basic",
    )


def _save(model: PreTrainedModel, parent: Path, folder: Path) -> None:
    model.save_pretrained(folder, save_compressed=True)
    (folder / "recipe.yaml").unlink(missing_ok=True)  # the config says the same
    for name in BESIDE:
        if (parent / name).is_file():
            shutil.copyfile(parent / name, folder / name)


def recipe(kv_cache: bool = False, kept: Sequence[str] = ()) -> QuantizationModifier:
    """W8A8 in FP8, static and per tensor, on every linear layer but head and `kept`; the KV cache on request."""
    scheme = QuantizationScheme(targets=["Linear"], weights=STATIC, input_activations=STATIC)
    return QuantizationModifier(
        config_groups={"fp8": scheme}, ignore=[*HEADS, *kept], kv_cache_scheme=STATIC if kv_cache else None
    )


def widest(model: PreTrainedModel, rows: list[list[int]], times: float) -> list[str]:
    """Linear layers whose inputs reach `times` as far as the median layer's.

    A few values of thousands, at a prompt's first token, set such a layer's scale; in FP8 all others are then next to
    nothing (Sun et al., 2024, Massive Activations in Large Language Models).
    """
    reach: dict[str, float] = {}

    def note(name: str, args: tuple[Any, ...]) -> None:
        reach[name] = max(reach.get(name, 0.0), float(args[0].abs().max()))

    handles = [
        module.register_forward_pre_hook(lambda _, args, name=name: note(name, args))
        for name, module in model.named_modules()
        if isinstance(module, Linear) and name not in HEADS
    ]
    _read(model, rows)
    for handle in handles:
        handle.remove()
    return [name for name, most in reach.items() if most > times * median(reach.values())]


def _read(model: PreTrainedModel, rows: list[list[int]]) -> None:
    with torch.inference_mode():
        for row in rows:
            model(input_ids=torch.tensor([row], device=model.device), use_cache=False)


def _log_probabilities(model: PreTrainedModel, rows: list[list[int]]) -> torch.Tensor:
    """Of the next token at the last places of each row, (places, vocabulary), on the CPU."""
    with torch.inference_mode():
        inputs = [torch.tensor([row], device=model.device) for row in rows]
        logits = [model(input_ids=ids, use_cache=False, logits_to_keep=COMPARED).logits[0] for ids in inputs]
    return torch.cat(logits).float().log_softmax(-1).cpu()


def divergence(before: torch.Tensor, after: torch.Tensor) -> dict[str, float]:
    """What quantisation did to the next token: mean Kullback-Leibler divergence, and how often the likeliest stayed."""
    nats = (before.exp() * (before - after)).sum(-1).mean()
    same = (before.argmax(-1) == after.argmax(-1)).float().mean()
    return {"logit_divergence_nats": float(nats), "same_likeliest_token_percent": 100 * float(same)}


def clip_rate(model: PreTrainedModel, rows: list[list[int]]) -> float:
    """Share of the linear layers' input values in `rows` that lie outside the calibrated range."""
    seen = outside = 0

    def count(module: Any, args: tuple[Any, ...]) -> None:
        nonlocal seen, outside
        seen += args[0].numel()
        outside += int((args[0].abs() > module.input_scale * FP8_MAX).sum())

    quantised = [module for module in model.modules() if hasattr(module, "input_scale")]
    handles = [module.register_forward_pre_hook(count) for module in quantised]
    _read(model, rows)
    for handle in handles:
        handle.remove()
    return outside / seen


def _rows(
    path: Path, tokenizer: PreTrainedTokenizerBase, settings: FP8Settings
) -> tuple[list[list[int]], list[list[int]]]:
    """Token ids of the rows to calibrate on and of those left out, sources mixed by a fixed shuffle."""
    chats = [row["messages"] for row in read_rows(path)]
    if len(chats) < settings.samples + 1:
        raise DataError(
            f"{len(chats)} calibration rows, but fp8.samples={settings.samples} and one more to measure clipping: "
            "raise synthesize.calibration_in_domain or lower fp8.samples"
        )
    random.Random(0).shuffle(chats)
    ids = [_chat_ids(tokenizer, chat)[: settings.max_length] for chat in chats[: settings.samples + HELD_OUT]]
    return ids[: settings.samples], ids[settings.samples :]


def _chat_ids(tokenizer: PreTrainedTokenizerBase, chat: list[Message]) -> list[int]:
    rendered: Any = tokenizer.apply_chat_template(chat, return_dict=True)
    return list(rendered["input_ids"])


if __name__ == "__main__":
    run(main)
