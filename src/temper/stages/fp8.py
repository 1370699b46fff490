"""fp8: quantise weights and input activations to static FP8, per tensor, with min-max ranges from calibration rows.

    python -m temper.stages.fp8 RUN_DIR

In: the student (`student`), calibration chats (`data`); with a `drafter`, that one is quantised on the states
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

import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import QuantizationModifier
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from temper.config.stages import FP8Settings
from temper.errors import DataError
from temper.process.specs import FP8Spec
from temper.process.stage import Report, Stage, run
from temper.rows import TRAIN, TalkRow, load
from temper.stages.quantising import drafter as fp8_drafter
from temper.stages.quantising.calibration import HEADS, by_length, clip_rate, widest
from temper.stages.training.rendering import template_ids

HELD_OUT = 8
"""Rows that stay out of the calibration to measure what it clips."""
COMPARED = 64
"""Last tokens of each of them whose next-token probabilities are compared with the student's."""
STATIC = QuantizationArgs(
    num_bits=8, type="float", strategy="tensor", symmetric=True, dynamic=False, observer="static_minmax"
)
BESIDE = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
"""Files that go with a checkpoint byte by byte, so that the quantised student has the same digests of them."""


def main(stage: Stage[FP8Spec]) -> Report:
    """Quantise the student, or the drafter if one is handed in."""
    settings = stage.spec.fp8
    student, started = stage.inputs["student"], time.perf_counter()
    rows, tokenizer = stage.inputs["data"] / TRAIN, AutoTokenizer.from_pretrained(student)
    calibration, held_out = _rows(rows, tokenizer, settings)
    stage.event(f"calibrating on {len(calibration)} rows", done=0, of=1)
    cuda = torch.cuda.is_available() and stage.runtime.device != "cpu"
    model = AutoModelForCausalLM.from_pretrained(
        student, dtype="auto" if cuda else torch.float32, device_map="cuda" if cuda else "cpu"
    )
    folder, metrics, curves = stage.out("model"), {}, []
    if "drafter" in stage.inputs:
        batches = fp8_drafter.calibration_batches(model, calibration)
        fp8_drafter.quantise(stage.inputs["drafter"], student, batches, recipe(), folder)
    else:
        before = _log_probabilities(model, held_out)
        wide = widest(model, calibration, settings.widest_range) if settings.widest_range else []
        metrics["layers_kept"] = float(len(wide))
        if settings.lengths_to_compare:
            curves = _by_length(model, rows, tokenizer, settings, wide)
        _calibrate(model, student, calibration, settings, wide)
        stage.event("measuring the clip rate", done=1, of=1)
        metrics["clip_rate_percent"] = 100 * clip_rate(model, held_out)
        metrics |= divergence(before, _log_probabilities(model, held_out))
        _save(model, student, folder)
    metrics |= {
        "calibration_samples": float(len(calibration)),
        "calibration_tokens": float(sum(map(len, calibration))),
        "size_mib": sum(file.stat().st_size for file in folder.iterdir()) / 2**20,
        "seconds": time.perf_counter() - started,
    }
    return Report(metrics, {"model": "model"}, curves)


def _calibrate(
    model: PreTrainedModel, student: Path, rows: list[list[int]], settings: FP8Settings, kept: list[str]
) -> None:
    oneshot(
        model=model,
        processor=str(student),
        dataset=Dataset.from_dict({"input_ids": rows}),
        recipe=recipe(settings.kv_cache, kept),
        num_calibration_samples=len(rows),
        max_seq_length=settings.max_length,
        shuffle_calibration_samples=False,
        pipeline="basic",
    )


def _save(model: PreTrainedModel, student: Path, folder: Path) -> None:
    model.save_pretrained(folder, save_compressed=True)
    (folder / "recipe.yaml").unlink(missing_ok=True)  # the config says the same
    for name in BESIDE:
        if (student / name).is_file():
            shutil.copyfile(student / name, folder / name)


def recipe(kv_cache: bool = False, kept: Sequence[str] = ()) -> QuantizationModifier:
    """W8A8 in FP8, static and per tensor, on every linear layer but head and `kept`; the KV cache on request."""
    scheme = QuantizationScheme(targets=["Linear"], weights=STATIC, input_activations=STATIC)
    return QuantizationModifier(
        config_groups={"fp8": scheme}, ignore=[*HEADS, *kept], kv_cache_scheme=STATIC if kv_cache else None
    )


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


def _rows(
    path: Path, tokenizer: PreTrainedTokenizerBase, settings: FP8Settings
) -> tuple[list[list[int]], list[list[int]]]:
    """Token ids of the rows to calibrate on and of those left out, sources mixed by a fixed shuffle."""
    rows = _shuffled(path)
    if len(rows) < settings.samples + 1:
        raise DataError(
            f"{len(rows)} calibration rows, but fp8.samples={settings.samples} and one more to measure clipping: "
            "raise synthesize.calibration_in_domain or lower fp8.samples"
        )
    ids = [_ids(tokenizer, row, settings.max_length) for row in rows[: settings.samples + HELD_OUT]]
    return ids[: settings.samples], ids[settings.samples :]


def _by_length(
    model: PreTrainedModel, path: Path, tokenizer: PreTrainedTokenizerBase, settings: FP8Settings, kept: list[str]
) -> list[dict[str, float]]:
    """What calibration on public rows, on in-domain rows or on the set's mix of both would clip of held-out turns.

    Each has as many rows, as many as the scarcer source has; without public rows there is nothing to compare.
    """
    longest = max(settings.lengths_to_compare)
    rows: dict[str, list[list[int]]] = {"public": [], "in_domain": []}
    for row in _shuffled(path):
        rows["public" if row.source == "public" else "in_domain"].append(_ids(tokenizer, row, longest))
    out = min(HELD_OUT, len(rows["in_domain"]) // 2)
    public, in_domain, held_out = rows["public"], rows["in_domain"][out:], rows["in_domain"][:out]
    many = min(len(public), len(in_domain))
    if not many:
        return []
    of_both = round(many * len(public) / (len(public) + len(in_domain)))
    sources = {
        "public": public[:many],
        "in_domain": in_domain[:many],
        "mixed": [*public[:of_both], *in_domain[: many - of_both]],
    }
    return by_length(model, sources, held_out, settings.lengths_to_compare, kept)


def _shuffled(path: Path) -> list[TalkRow]:
    rows = load(path, TalkRow)
    random.Random(0).shuffle(rows)
    return rows


def _ids(tokenizer: PreTrainedTokenizerBase, row: TalkRow, longest: int) -> list[int]:
    return template_ids(tokenizer, row.messages)[:longest]


if __name__ == "__main__":
    run(main)
