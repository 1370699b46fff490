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
        student = run(registered, config.registry.name, version).student
        sets = run(synthesize, specs.SynthesizeSpec.of(config))

        replies = run(answers, specs.AnswersSpec.of(config), student, sets.data("draft_prompts")).data()
        drafter, student_fp8 = run.together(
            (draft, specs.DraftSpec.of(config), student, replies),
            (fp8, specs.FP8Spec.of(config), student, sets.data("calibration")),
        )
        drafter_fp8 = drafter
        if config.fp8.drafter:
            pair = specs.FP8Spec.of(config, "drafter")
            drafter_fp8 = run(fp8, pair, student, sets.data("calibration"), drafter=drafter).model

        points = sets.data("evaluation")
        run(evaluate, specs.EvaluateSpec.of(config, "teacher"), points)
        run(evaluate, specs.EvaluateSpec.of(config, "rules"), points, words=sets.data("sft"))
        run(evaluate, specs.EvaluateSpec.of(config, "dpo"), points, model=student)
        run(evaluate, specs.EvaluateSpec.of(config, "final"), points, model=student_fp8, drafter=drafter_fp8)
        if config.evaluate.scenarios.get("unaided"):
            run(evaluate, specs.EvaluateSpec.of(config, "unaided"), points, model=student_fp8, drafter=drafter_fp8)

        served = {"student": student, "drafter": drafter, "student_fp8": student_fp8, "drafter_fp8": drafter_fp8}
        run(benchmark, specs.BenchmarkSpec.of(config, run.machine), points, **served)
        best = run(champion, config.registry.name, student_fp8, drafter_fp8)
        if best:
            final = specs.EvaluateSpec.of(config, "final")
            run.beside(evaluate, final, points, model=best.student_fp8, drafter=best.drafter_fp8)
        verdict = run(gate, run.results, config.gate, best)
        run(promote, **served, results=run.results, verdict=verdict, config=config)
    run.finish(report)
