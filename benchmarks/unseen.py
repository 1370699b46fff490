"""A run's students on evaluation sets of other seeds: whether they learnt more than one seed's rows by heart.

    .venv/bin/python benchmarks/unseen.py --run latest --seeds 8 9 --out docs/results/unseen.md

The run has to have got as far as DPO, in this checkout. Each seed gives a world, customers and conversations of its
own, in the held-out wordings and entities that all seeds share; points that resemble a row that the run trained on are
left out.
"""

import argparse
import tempfile
from pathlib import Path

from serving import config, load_report, made, publish, run_command, say, scores

from temper.config import ROLES, PipelineConfig
from temper.evaluation.scores import Scores
from temper.home import home
from temper.process.launch import launch
from temper.process.specs import DomainSource, SynthesizeSpec
from temper.report.schema import RunReport
from temper.rows import TRAIN, AnyRow, ChatRow, PairRow, Point, load, write
from temper.stats import share_interval
from temper.synthesis.overlap import Index, key_text
from temper.synthesis.sets import NEAR

TRAINED: dict[str, type[AnyRow]] = {"sft": ChatRow, "dpo": PairRow, "practice": Point}
"""Sets of a run that its student learnt from."""
FEW = {"conversations": 900, "practice_prompts": {}, "draft_prompts": {}, "draft_public_prompts": 0, "dpo_pairs": 10}
"""Of the sets that are made beside an evaluation set and not looked at."""


def main() -> None:
    """Make the sets, ask both students, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="latest", help="pipeline id, the start of one, or latest")
    parser.add_argument("--seeds", type=int, nargs="+", default=[8], help="other ones than the run's")
    parser.add_argument("--points", type=int, default=200, help="held-out points an agent and seed")
    parser.add_argument("--scenarios", type=int, default=120, help="end-to-end scenarios a seed")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    report = load_report(options.run)
    preset = config(report)
    if preset.synthesize.seed in options.seeds:
        parser.error(f"--seeds: {preset.synthesize.seed} is the run's own")
    known = Index((key_text(row) for name, kind in TRAINED.items() for row in _rows(report, name, kind)), NEAR)
    scores_of: dict[str, list[Scores]] = {"SFT": [], "DPO": []}
    with tempfile.TemporaryDirectory(prefix="temper-unseen-", dir=home()) as folder:
        for seed in options.seeds:
            run = Path(folder) / str(seed)
            points = _evaluation(preset, seed, options, run, known)
            for name, rows in scores_of.items():
                model = made(report, name.lower(), "model")
                rows.append(scores(preset, model, points, run / name, options.points, scenarios=options.scenarios))
    seeds = " ".join(map(str, options.seeds))
    command = (
        f".venv/bin/python benchmarks/unseen.py --seeds {seeds} --points {options.points} "
        f"--scenarios {options.scenarios} --out {options.out}"
    )
    about = "percent right of points and scenarios, 95 % Wilson intervals in brackets."
    publish(
        options.out, "Students on sets of other seeds", [run_command(report, "dpo"), command], about, _table(scores_of)
    )


def _rows(report: RunReport, name: str, kind: type[AnyRow]) -> list[AnyRow]:
    return load(made(report, "synthesize", name) / TRAIN, kind)


def _evaluation(preset: PipelineConfig, seed: int, options: argparse.Namespace, run: Path, known: Index) -> Path:
    """An evaluation set of `seed` without the points that are like a known row."""
    settings = preset.synthesize.model_copy(
        update={
            **FEW,
            "seed": seed,
            "traces_per_role": dict.fromkeys(ROLES, 40),
            "points_per_role": options.points,
            "scenarios": max(1, options.scenarios),
        }
    )
    spec = SynthesizeSpec(synthesize=settings, domain=DomainSource.of(preset), own={})
    launch(spec, run / "sets", {}, preset.runtime, on_event=say)
    folder = run / "sets" / "out" / "evaluation"
    points = load(folder / "points.jsonl", Point)
    like = known.hits([key_text(row) for row in points])
    write(folder / "points.jsonl", [row for number, row in enumerate(points) if number not in like])
    return folder


def _table(scores_of: dict[str, list[Scores]]) -> list[str]:
    """A line an agent and one for the scenarios, all seeds together."""
    lines = [f"| | points | {' | '.join(scores_of)} |", "|---|---|" + "---|" * len(scores_of)]
    for role in ROLES:
        counted = [[seed.agent_scores[role] for seed in seeds] for seeds in scores_of.values()]
        lines.append(_line(role, [[(one.score * one.n / 100, one.n) for one in seeds] for seeds in counted]))
    played = [[(seed.e2e.passed, seed.e2e.n) for seed in seeds] for seeds in scores_of.values()]
    return [*lines, _line("scenarios", played)]


def _line(name: str, sides: list[list[tuple[float, int]]]) -> str:
    """`sides` holds (right, of so many) by seed."""
    cells = []
    for counts in sides:
        right, n = round(sum(right for right, _ in counts)), sum(n for _, n in counts)
        low, high = share_interval(right, n)
        cells.append(f"{100 * right / n:.1f} ({low:.1f} to {high:.1f})")
    return f"| {name} | {sum(n for _, n in sides[0])} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
