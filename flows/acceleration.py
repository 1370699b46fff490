"""Drafter, FP8 and benchmark again for an existing model: prompts or rules have changed, its weights have not."""

from prefect import flow

from tasks.answers import answers
from tasks.benchmark import benchmark
from tasks.champion import champion
from tasks.draft import draft
from tasks.evaluate import evaluate
from tasks.fp8 import fp8
from tasks.gate import gate
from tasks.promote import promote
from tasks.registered import registered
from tasks.report import report
from tasks.shared.pipeline import Pipeline, chosen
from tasks.synthesize import synthesize
from temper.config import Override, PipelineConfig
from temper.process import specs


@flow(name="accelerate")
def accelerate(config: PipelineConfig | str, overrides: tuple[Override, ...] = (), version: str = "champion") -> None:
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
        sets = run(synthesize, specs.SynthesizeSpec.of(config))

        spoken = run(answers, specs.AnswersSpec.of(config), target, sets.data("draft_prompts"))
        drafter, quantised = run.together(
            (draft, specs.DraftSpec.of(config), target, spoken.data()),
            (fp8, specs.FP8Spec.of(config), target, sets.data("calibration")),
        )
        small = drafter
        if config.fp8.drafter:
            both = specs.FP8Spec.of(config, "drafter")
            small = run(fp8, both, target, sets.data("calibration"), drafter=drafter.model)

        points = sets.data("evaluation")
        run(evaluate, specs.EvaluateSpec.of(config, "teacher"), points)
        run(evaluate, specs.EvaluateSpec.of(config, "rules"), points, words=sets.data("sft"))
        run(evaluate, specs.EvaluateSpec.of(config, "dpo"), points, model=target)
        run(evaluate, specs.EvaluateSpec.of(config, "final"), points, model=quantised.model, drafter=small.model)
        if config.evaluate.scenarios.get("unaided"):
            run(evaluate, specs.EvaluateSpec.of(config, "unaided"), points, model=quantised.model, drafter=small.model)

        served = (target, drafter.model, quantised.model, small.model)
        run(benchmark, specs.BenchmarkSpec.of(config, run.machine), points, *served)
        best = run(champion, config.registry.name, quantised.model, small.model)
        if best:
            final = specs.EvaluateSpec.of(config, "final")
            run.beside(evaluate, final, points, model=best.fp8, drafter=best.drafter_fp8)
        verdict = run(gate, run.results, config.gate, best)
        run(promote, *served, run.results, verdict, config)
    run.finish(report)
