"""Data by simulation: `python -m temper.stages.synthesize RUN_DIR`.   Out: the training sets and `evaluation`."""

from temper.domains import load_domain
from temper.process.specs import SETS, SynthesizeSpec
from temper.process.stage import Report, Stage, run
from temper.synthesis.sets import build


def main(stage: Stage[SynthesizeSpec]) -> Report:
    """Simulate, judge, split and write every set."""
    settings = stage.spec.synthesize
    metrics = build(load_domain(settings.domain), settings, stage.out, stage.checkpoints, stage.event)
    made = [name for name in SETS if (stage.run_dir / "out" / name).is_dir()]
    return Report(metrics=metrics, artifacts=dict.fromkeys(made, "dataset"))


if __name__ == "__main__":
    run(main)
