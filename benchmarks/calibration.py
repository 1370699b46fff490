"""What FP8's calibration rows are worth in agent scores: public, in-domain or mixed rows, cut to several lengths.

    .venv/bin/python benchmarks/calibration.py --run latest --lengths 32 512 --out docs/results/calibration-scores.md

The run has to have got as far as its evaluations, in this checkout. Each source gives as many rows as the scarcer one
has. For each line the run's student is quantised anew, served (emulated where the hardware has no FP8), and asked
held-out points of the run.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean

from serving import config, load_report, made, publish, run_command, scores

from temper.config import ROLES, PipelineConfig
from temper.evaluation.scores import Scores
from temper.home import home
from temper.process.launch import launch
from temper.process.specs import FP8Spec
from temper.rows import TRAIN, TalkRow, load, write


def main() -> None:
    """Quantise, ask, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 512])
    parser.add_argument("--points", type=int, default=100, help="held-out points an agent")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    report = load_report(options.run)
    preset, student = config(report), made(report, "dpo", "model")
    points = made(report, "synthesize", "evaluation")
    sources = _sources(load(made(report, "synthesize", "calibration") / TRAIN, TalkRow))
    with tempfile.TemporaryDirectory(prefix="temper-calibration-", dir=home()) as folder:
        lines = [_line("not quantised", "", scores(preset, student, points, Path(folder) / "plain", options.points))]
        for source, rows in sources.items():
            for length in options.lengths:
                run = Path(folder) / f"{source}-{length}"
                quantised = _quantise(preset, student, rows, length, run)
                measured = scores(preset, quantised, points, run / "scores", options.points)
                lines.append(_line(source, str(length), measured))
    shown = " ".join(map(str, options.lengths))
    command = (
        f".venv/bin/python benchmarks/calibration.py --lengths {shown} --points {options.points} --out {options.out}"
    )
    count = len(sources["mixed"]) - 1
    about = f"{count} calibration rows for each line; percent right of {options.points} points an agent."
    roles = " | ".join(role.capitalize() for role in ROLES)
    head = f"| calibrated on | rows cut to, tokens | {roles} | mean |\n|---|---|{'---|' * (len(ROLES) + 1)}"
    publish(options.out, "Agent scores by FP8 calibration", [run_command(report), command], about, [head, *lines])


def _sources(rows: list[TalkRow]) -> dict[str, list[TalkRow]]:
    """Equally many rows of public text, of the system's turns, and of both in the set's proportion."""
    public = [row for row in rows if row.source == "public"]
    own = [row for row in rows if row.source != "public"]
    many = min(len(public), len(own))
    of_public = round(many * len(public) / len(rows))
    return {"public": public[:many], "in-domain": own[:many], "mixed": [*public[:of_public], *own[: many - of_public]]}


def _quantise(preset: PipelineConfig, student: Path, rows: list[TalkRow], length: int, run: Path) -> Path:
    """The student in FP8, calibrated on all `rows` but the one that the stage wants to measure clipping on."""
    (run / "data").mkdir(parents=True)
    write(run / "data" / TRAIN, rows)
    settings = preset.fp8.model_copy(update={"samples": len(rows) - 1, "max_length": length, "lengths_to_compare": ()})
    launch(FP8Spec(fp8=settings), run / "fp8", {"student": student, "data": run / "data"}, preset.runtime)
    return run / "fp8" / "out" / "model"


def _line(source: str, length: str, measured: Scores) -> str:
    right = [measured.agent_scores[role].score for role in ROLES]
    line = f"| {source} | {length} | {' | '.join(f'{score:.0f}' for score in right)} | {mean(right):.1f} |"
    print(line, flush=True)
    return line


if __name__ == "__main__":
    main()
