"""Base model in, promoted bundle out: the paper's Figure 2, one line a stage.

python -m flows.customize demo          (with a Prefect server running; `temper run demo` starts one)
"""

from prefect import flow

from tasks.answers import answers
from tasks.base import base
from tasks.benchmark import benchmark
from tasks.cpt import cpt
from tasks.dpo import dpo
from tasks.draft import draft
from tasks.evaluate import evaluate
from tasks.expand import expand
from tasks.fp8 import fp8
from tasks.gate import gate
from tasks.practice import practice
from tasks.promote import promote
from tasks.report import report
from tasks.sft import sft
from tasks.shared.pipeline import Pipeline, chosen, command
from tasks.synthesize import synthesize
from tasks.validate import validate
from temper.config import PipelineConfig


@flow(name="customize")
def customize(config: PipelineConfig | str, overrides: tuple[str, ...] = (), until: str | None = None) -> None:
    """Customise a compact model for the agent system, accelerate it, prove it, promote it.

    Args:
        config: A whole configuration, or the name of a preset.
        overrides: Changes to it, `dotted.key=value` each.
        until: Stage to stop after; everything by default.
    """
    config = chosen(config, overrides)
    run = Pipeline(config, until)
    with run:
        start = run(base, config.base)
        sets = run(synthesize, config.synthesize)
        run(validate, start.model, sets.datasets, config.synthesize.domain, config.validation)

        deeper = run(expand, start.model, config.expand)
        adapted = run(cpt, deeper.model, sets.data("cpt"), config.cpt)
        tuned = run(sft, adapted.model, sets.data("sft"), config.sft)
        mistakes = None
        if config.synthesize.practice_prompts:
            mistakes = run(
                practice, tuned.model, sets.data("practice"), config.synthesize.domain, config.practice, config.engine
            ).data()
        aligned = run(dpo, tuned.model, sets.data("dpo"), config.dpo, mistakes=mistakes)

        spoken = run(answers, aligned.model, sets.data("draft_prompts"), config.answers, config.engine)
        drafter, quantised = run.together(
            (draft, aligned.model, spoken.data(), config.draft),
            (fp8, aligned.model, sets.data("calibration"), config.fp8),
        )
        small = drafter
        if config.fp8.drafter:
            small = run(fp8, aligned.model, sets.data("calibration"), config.fp8, drafter=drafter.model)

        asked = (sets.data("evaluation"), config.synthesize.domain, config.evaluate, config.engine)
        run(evaluate, "teacher", *asked)
        run(evaluate, "base", *asked, model=start.model)
        run(evaluate, "cpt", *asked, model=adapted.model)
        run(evaluate, "sft", *asked, model=tuned.model)
        run(evaluate, "dpo", *asked, model=aligned.model)
        run(evaluate, "final", *asked, model=quantised.model, drafter=small.model)

        served = (aligned.model, drafter.model, quantised.model, small.model)
        run(benchmark, *served, asked[0], asked[1], config.benchmark, config.evaluate, config.engine)
        verdict = run(gate, run.results, config.gate)
        run(promote, *served, run.results, verdict, config)
    run.finish(report)


if __name__ == "__main__":
    raise SystemExit(command(customize))
