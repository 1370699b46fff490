"""Token-level figures by vLLM's own client, `vllm bench serve`, beside the ladder's customer turns.

A turn holds several agents' calls and M's own work; here single prompts are streamed, as other projects measure.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from temper.config import Runtime
from temper.engine import Engine, engine_python
from temper.engine.command import inherited
from temper.engine.server import decisive_line
from temper.errors import EngineError
from temper.process.guard import Process

FIGURES = {
    "output_tokens_per_s": "output_throughput",
    "first_token_ms": "median_ttft_ms",
    "token_ms": "median_tpot_ms",
    "request_ms": "median_e2el_ms",
}
"""Ours by the client's name: its time per output token leaves the first one out."""
TIMEOUT_S = 1800.0


def command(
    python: Path, engine: Engine, tokenizer: Path, folder: Path, *, n: int, customers: int, most: int
) -> list[str]:
    """The client's command line: `n` prompts of `folder`/prompts.json, `customers` at once, `most` tokens at most.

    Prompts are rendered already, so they go to the completions endpoint as they are.
    """
    line = [str(python), "-m", "temper_vllm.client", "--base-url", engine.url.removesuffix("/v1")]
    line += ["--endpoint", "/v1/completions", "--model", engine.model, "--tokenizer", str(tokenizer)]
    line += ["--dataset-name", "sharegpt", "--dataset-path", str(folder / "prompts.json")]
    line += ["--sharegpt-output-len", str(most), "--num-prompts", str(n), "--max-concurrency", str(customers)]
    line += ["--temperature", "0", "--extra-body", json.dumps({"add_special_tokens": False})]
    line += ["--percentile-metrics", "ttft,tpot,itl,e2el", "--disable-tqdm", "--disable-shuffle"]
    return [*line, "--save-result", "--result-dir", str(folder), "--result-filename", "result.json"]


def measure(
    engine: Engine,
    prompts: Sequence[str],
    tokenizer: Path,
    folder: Path,
    *,
    runtime: Runtime,
    customers: int,
    most: int,
) -> dict[str, float]:
    """Figures of streaming the rendered prompts once, milliseconds as medians. Raises EngineError if any failed."""
    folder.mkdir(parents=True, exist_ok=True)
    talks = [{"conversations": [{"value": prompt}, {"value": ""}]} for prompt in prompts]
    (folder / "prompts.json").write_text(json.dumps(talks), encoding="utf-8")
    line = command(engine_python(runtime), engine, tokenizer, folder, n=len(prompts), customers=customers, most=most)
    env, log = {**inherited(os.environ), "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}, folder / "client.log"
    with Process(line, env=env, cwd=folder, log=log) as process:
        code = process.wait(TIMEOUT_S)
    if code != 0:
        reason = decisive_line(log.read_text(encoding="utf-8", errors="replace"))
        raise EngineError(f"`vllm bench serve` ended with {code}: {reason} (log: {log})")
    figures = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    if figures["completed"] < len(prompts):
        raise EngineError(f"`vllm bench serve` had {figures['completed']} of {len(prompts)} answers (log: {log})")
    return {name: float(figures[theirs]) for name, theirs in FIGURES.items()}
