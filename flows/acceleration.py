"""Drafter, FP8 and benchmark again for an existing model: prompts or rules have changed, its weights have not."""

from prefect import flow

from tasks.answers import answers
from tasks.benchmark import benchmark
from tasks.draft import draft
from tasks.evaluate import evaluate
from tasks.fp8 import fp8
from tasks.gate import gate
from tasks.promote import promote
from tasks.registered import registered
from tasks.report import report
from tasks.shared.pipeline import Pipeline, chosen
from tasks.synthesize import synthesize
from temper.config import PipelineConfig


@flow(name="accelerate")
def accelerate(config: PipelineConfig | str, overrides: tuple[str, ...] = (), version: str = "champion") -> None:
    """Make a registered model fast again, prove it, promote it.

    Args:
        config: A whole configuration, or the name of a preset; its `registry.name` says which model.
        overrides: Changes to it, `dotted.key=value` each.
        version: Version or alias of the registered model.
    """
    config = chosen(config, overrides)
    run = Pipeline(config)
    with run:
        target = run(registered, config.registry.name, version).target
        sets = run(synthesize, config.synthesize)

        spoken = run(answers, target, sets.data("draft_prompts"), config.answers, config.engine)
        drafter, quantised = run.together(
            (draft, target, spoken.data(), config.draft),
            (fp8, target, sets.data("calibration"), config.fp8),
        )
        small = drafter
        if config.fp8.drafter:
            small = run(fp8, target, sets.data("calibration"), config.fp8, drafter=drafter.model)

        asked = (sets.data("evaluation"), config.synthesize.domain, config.evaluate, config.engine)
        run(evaluate, "teacher", *asked)
        run(evaluate, "dpo", *asked, model=target)
        run(evaluate, "final", *asked, model=quantised.model, drafter=small.model)

        served = (target, drafter.model, quantised.model, small.model)
        run(benchmark, *served, asked[0], asked[1], config.benchmark, config.evaluate, config.engine)
        verdict = run(gate, run.results, config.gate)
        run(promote, *served, run.results, verdict, config)
    run.finish(report)
