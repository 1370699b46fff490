"""A whole run's published results, in a real store, for the tests of the report. The figures are invented."""

import json
from pathlib import Path
from typing import Any

from temper.artifacts.refs import Ref, StageResult
from temper.artifacts.store import Store
from temper.bench.results import Acceptance, Difference, Drawn, Equivalence, Ladder, LadderRow, Same, beside
from temper.config import ROLES
from temper.config.rungs import NGRAM, RUNGS, SUFFIX

RUN, EARLIER = "20260101-120000-demo", "20251231-090000-demo"
SCORES = {
    "teacher": 96.0,
    "base": 2.0,
    "cpt": 4.0,
    "sft": 88.0,
    "dpo": 94.0,
    "final": 92.0,
    "rules": 60.0,
    "unaided": 0.0,
}
NO_MODEL = {"teacher", "final", "rules", "unaided"}
E2E = {"dpo": (16, 20), "final": (18, 20), "rules": (15, 20), "unaided": (12, 20)}
LADDER = {
    "unoptimised": (0.105, 12.0, None, 15.0),
    "student": (0.21, 6.1, None, 24.0),
    "student+ngram": (0.24, 5.0, 1.4, 27.0),
    "student+drafter": (0.42, 3.0, 3.6, 48.5),
    "student+fp8": (0.03, 41.0, None, 3.1),
    "student+drafter+fp8": (0.06, 20.0, 3.5, 6.2),
}


def publish(store: Store, scratch: Path) -> list[StageResult]:
    """Results as the tasks return them, parents first; all before `dpo` come from an earlier run."""
    run = _Run(store, scratch)
    run.stage("base", {}, {"model": "model"})
    sizes = {"sft_rows": 3400.0, "sft_distinct_rows": 3180.0, "evaluation_points": 500.0}
    run.stage("synthesize", {}, dict.fromkeys(("cpt", "sft", "dpo", "evaluation"), "dataset"), metrics=sizes)
    run.stage("validate", {"base": "base.model", "sft": "synthesize.sft"}, {"report": "report"})
    run.stage("expand", {"parent": "base.model"}, {"model": "model"})
    parent = "expand"
    for stage, last in (("cpt", 3.1), ("sft", 0.06), ("dpo", 0.31)):
        curve = [{"step": step, "loss": last + 3 / (1 + step)} for step in range(0, 60, 2)]
        inputs = {"parent": f"{parent}.model", "data": f"synthesize.{stage}"}
        run.stage(stage, inputs, {"model": "model"}, curves=curve, wall_s=300, earlier=stage != "dpo")
        parent = stage
    run.stage("answers", {"student": "dpo.model"}, {"data": "dataset"}, wall_s=80, earlier=False)
    accuracy = {f"accuracy_position_{place}": value for place, value in enumerate((0.9, 0.8, 0.7, 0.6))}
    run.stage(
        "draft",
        {"student": "dpo.model", "data": "answers.data"},
        {"model": "model"},
        metrics={**accuracy, "expected_tokens_per_step": 4.0},
        curves=[{"step": 1, "loss": 9.0}, {"step": 2, "loss": 5.0}, {"step": 2, "draft_loss": 4.0}],
        wall_s=260,
        earlier=False,
    )
    clipped = [
        {"step": length, **{f"clip_rate_percent_{source}": 3 / length for source in ("public", "in_domain", "mixed")}}
        for length in (32, 64, 128)
    ]
    run.stage("fp8", {"student": "dpo.model"}, {"model": "model"}, curves=clipped, wall_s=31, earlier=False)
    for stage, score in SCORES.items():
        inputs = {"data": "synthesize.evaluation"} | ({} if stage in NO_MODEL else {"model": f"{stage}.model"})
        files = {"scores.json": _scores(stage, score), "failures.jsonl": _failure(stage)}
        run.stage(f"evaluate:{stage}", inputs, {"report": "report"}, files=files, wall_s=70, earlier=stage < "d")
    inputs = {
        "student": "dpo.model",
        "drafter": "draft.model",
        "student_fp8": "fp8.model",
        "data": "synthesize.evaluation",
    }
    run.stage(
        "benchmark",
        inputs,
        {"report": "report"},
        files={"ladder.json": _ladder()},
        metrics={"memory_gb_per_s": 20.5, "arithmetic_gflops": 110.0},
        wall_s=410,
        earlier=False,
    )
    return run.results


class _Run:
    """Publishes one stage after the other."""

    def __init__(self, store: Store, scratch: Path) -> None:
        self.store, self.scratch, self.results = store, scratch, list[StageResult]()
        self.made: dict[str, Ref] = {}

    def stage(
        self,
        stage: str,
        inputs: dict[str, str],
        artifacts: dict[str, str],
        *,
        files: dict[str, Any] | None = None,
        metrics: dict[str, float] | None = None,
        curves: list[dict[str, float]] | None = None,
        wall_s: float = 5.0,
        earlier: bool = True,
    ) -> None:
        taken = {name: str(self.store.open(self.made[source])) for name, source in inputs.items()}
        log = {"spec.json": {"stage": stage, "inputs": taken}, "report.json": {"curves": curves or []}}
        refs = {"log": self._publish(stage, "log", "report", log)}
        for name, kind in artifacts.items():
            refs[name] = self._publish(stage, name, kind, files or {"made.json": {"by": stage, "as": name}})
            self.made[f"{stage}.{name}"] = refs[name]
        self.results.append(
            StageResult(
                stage=stage,
                key=f"{len(self.results):064x}",
                artifacts=refs,
                metrics=metrics or {},
                wall_s=wall_s,
                run_id="tracking",
                pipeline_id=EARLIER if earlier else RUN,
            )
        )

    def _publish(self, stage: str, name: str, kind: str, files: dict[str, Any]) -> Ref:
        folder = self.scratch / stage / name
        folder.mkdir(parents=True)
        for file, value in files.items():
            (folder / file).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return self.store.publish(folder, kind)


def _scores(stage: str, score: float) -> dict[str, Any]:
    slices = {"replan": {"score": score - 2, "n": 20}, "rare intent": {"score": score + 1, "n": 30}}
    right = {"sft": 1, "dpo": 2}.get(stage, 0)
    passed, n = E2E.get(stage, (0, 0))
    asked = () if stage == "unaided" else ROLES
    return {
        "stage": stage,
        "agent_scores": {role: {"score": score + n / 2, "n": 100, "slices": slices} for n, role in enumerate(asked)},
        "e2e": {"passed": passed, "n": n, "checks": {"refusal_sent_back": 3} if stage == "dpo" else {}},
        "points": [
            {"id": f"{role}-{n}", "role": role, "slice": "replan", "correct": n < right}
            for role in asked
            for n in range(2)
        ],
        "scenarios": [{"id": f"scenario-{number}", "trial": 0, "passed": number < passed} for number in range(n)],
        "tokens_per_step": None,
    }


def _failure(stage: str) -> str:
    prompt = [
        {"role": "system", "content": "Plan."},
        {"role": "user", "content": "<b>Is the blue one & the red one in?</b>"},
    ]
    row = {
        "id": "planner-7",
        "role": "planner",
        "slice": "replan",
        "prompt": prompt,
        "expected": "a = find(colour='blue')",
    }
    return json.dumps({**row, "got": f"nothing useful from {stage}", "reason": "not a plan"}) + "\n"


def _ladder() -> str:
    rows = []
    for rung in RUNGS:
        if rung == SUFFIX:
            continue
        qps, p50_s, tokens_per_step, output = LADDER[rung.name]
        for concurrency in (1,) if rung.quantised else (1, 4):
            more = 1 + 0.8 * (concurrency - 1)
            rows.append(
                LadderRow(
                    configuration=rung.name,
                    concurrency=concurrency,
                    qps=qps * more,
                    qps_rounds=[qps * more] * 3,
                    turns=90 if rung == NGRAM else 120,
                    p50_s=p50_s / 2,
                    p90_s=None if rung == NGRAM else p50_s,
                    tokens_per_step=tokens_per_step,
                    distinct_4grams_percent=97.5,
                    output_tokens_per_s=output * more,
                    comparable=not rung.quantised,
                    reason="no FP8 units: computed in float32" if rung.quantised else None,
                )
            )
    flipped = Difference(id="p7", role="planner", plain="a = x()", drafted="a = why()", margin_nats=0.0004)
    written = Ladder(
        rows=beside(rows),
        left_out={SUFFIX.name: "suffix decoding is not in the engine environment"},
        equivalence=Equivalence(
            same=39,
            n=40,
            differences=[flipped],
            free={NGRAM.name: Same(same=40, n=40)},
            sampled=Drawn(p_value=0.4, prompts=8, samples=20, texts=60),
        ),
        acceptance={"planner": Acceptance(tokens_per_step=3.2, by_position=[0.9, 0.7, 0.4, 0.2])},
        tokens=[],
        dtype="float32",
    )
    return written.model_dump_json()
