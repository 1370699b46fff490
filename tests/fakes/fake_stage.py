"""A stage that makes small files of the right shape, the same for the same spec; tests start it in a stage's place.

FAKE_LOG: a file that gets one line for each execution. FAKE_HANG: a stage that waits until it is killed, once a
file `go` beside the log is missing. FAKE_FAIL: `stage=ErrorClass`. FAKE_SCORE: percent of right points. FAKE_ENV: a
file that gets its environment. FAKE_PRINT: a variable whose value it prints and then raises.
"""

import hashlib
import json
import os
import time
from pathlib import Path

from temper import errors
from temper.bench.results import FILE, Equivalence, Ladder, LadderRow, beside
from temper.config import ROLES
from temper.config.rungs import DRAFTER, STUDENT
from temper.process.specs import SETS, Spec
from temper.process.stage import Report, Stage, run


def main(stage: Stage[Spec]) -> Report:
    """Write what `stage` has to leave."""
    log = Path(os.environ["FAKE_LOG"])
    with log.open("a") as file:
        file.write(stage.spec.label + "\n")
    if "FAKE_ENV" in os.environ:
        Path(os.environ["FAKE_ENV"]).write_text(json.dumps(dict(os.environ)))
    stage.event("working", done=1, of=2)
    if "FAKE_PRINT" in os.environ:
        value = os.environ[os.environ["FAKE_PRINT"]]
        stage.event(f"event {value}")
        print(f"printed {value}", flush=True)
        raise OSError(f"raised {value}")
    if os.environ.get("FAKE_HANG") == stage.name:
        while not log.with_name("go").exists():
            time.sleep(0.05)
    name, _, error = os.environ.get("FAKE_FAIL", "").partition("=")
    if name == stage.name:
        raise getattr(errors, error)("as the test wants")
    return _leave(stage)


def _leave(stage: Stage[Spec]) -> Report:
    text = json.dumps(
        [stage.name, stage.spec.model_dump(mode="json"), sorted(path.name for path in stage.inputs.values())],
        sort_keys=True,
    )
    if stage.name == "synthesize":
        for kind in SETS:
            (stage.out(kind) / "train.jsonl").write_text(kind + text)
        return Report({"rows": 1.0}, dict.fromkeys(SETS, "dataset"))
    if stage.name in {"practice", "answers"}:
        (stage.out("data") / "train.jsonl").write_text(text)
        return Report({}, {"data": "dataset"})
    if stage.name in {"validate", "evaluate", "benchmark"}:
        files = {"evaluate": _scores, "benchmark": _ladder}.get(stage.name, lambda _: {"summary.json": "{}"})(stage)
        for path, content in files.items():
            (stage.out("report") / path).write_text(content)
        return Report({}, {"report": "report"})
    folder = stage.out("model")
    (folder / "model.safetensors").write_bytes(hashlib.sha256(text.encode()).digest())
    for path in ("config.json", "tokenizer.json"):
        (folder / path).write_text("{}")
    return Report({"loss": 0.5}, {"model": "model"}, [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}])


def _scores(stage: Stage[Spec]) -> dict[str, str]:
    score = float(os.environ.get("FAKE_SCORE", "100"))
    points = [
        {"id": f"{role}-{number}", "role": role, "slice": "plain", "correct": number < 2 * score}
        for role in ROLES
        for number in range(200)
    ]
    roles = {role: {"score": score, "n": 200, "slices": {"plain": {"score": score, "n": 200}}} for role in ROLES}
    scores = {
        "stage": stage.spec.label.partition(":")[2],
        "agent_scores": roles,
        "e2e": {"passed": 1, "n": 1},
        "points": points,
        "scenarios": [{"id": "scenario-0", "trial": 0, "passed": True}],
        "tokens_per_step": None,
    }
    return {"scores.json": json.dumps(scores), "failures.jsonl": ""}


def _ladder(_: Stage[Spec]) -> dict[str, str]:
    rows = [
        LadderRow(
            configuration=rung.name,
            concurrency=1,
            qps=2.0 if rung.drafted else 1.0,
            qps_rounds=[2.0 if rung.drafted else 1.0],
            tokens_per_step=3.0 if rung.drafted else None,
            output_tokens_per_s=10.0,
            comparable=True,
        )
        for rung in (STUDENT, DRAFTER)
    ]
    same = Equivalence(same=4, n=4)
    written = Ladder(rows=beside(rows), equivalence=same, acceptance={}, tokens=[], dtype="float32")
    return {FILE: written.model_dump_json()}


if __name__ == "__main__":
    run(main)
