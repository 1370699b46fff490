"""Base model in, promoted bundle out: the paper's Figure 2, one line a stage.

python -m flows.customize demo          (with a Prefect server running; `temper run demo` starts one)
"""

from prefect import flow

from tasks.answers import answers
from tasks.base import base
from tasks.benchmark import benchmark
from tasks.champion import champion
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
from temper.config import Override, PipelineConfig
from temper.process import specs


@flow(name="customize")
def customize(
    config: PipelineConfig | str, overrides: tuple[Override, ...] = (), until: specs.Until | None = None
) -> None:
    """Customise a compact model for the agent system, accelerate it, prove it, promote it.

    Args:
        config: A whole configuration, or the name of a preset.
        overrides: Changes to it, `dotted.key=value` each.
        until: Stage to stop after; everything by default.
    """
    config = chosen(config, overrides)
    run = Pipeline(config, until)
    with run:
        base_model = run(base, specs.BaseSpec.of(config)).model
        sets = run(synthesize, specs.SynthesizeSpec.of(config))
        run(validate, specs.ValidateSpec.of(config), base_model, sets.datasets)

        deeper = run(expand, specs.ExpandSpec.of(config), base_model).model
        adapted = run(cpt, specs.CPTSpec.of(config), deeper, sets.data("cpt")).model
        tuned = run(sft, specs.SFTSpec.of(config), adapted, sets.data("sft")).model
        mistakes = None
        if config.synthesize.practice_prompts:
            mistakes = run(practice, specs.PracticeSpec.of(config), tuned, sets.data("practice")).data()
        student = run(dpo, specs.DPOSpec.of(config), tuned, sets.data("dpo"), mistakes=mistakes).model

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
        run(evaluate, specs.EvaluateSpec.of(config, "base"), points, model=base_model)
        run(evaluate, specs.EvaluateSpec.of(config, "cpt"), points, model=adapted)
        run(evaluate, specs.EvaluateSpec.of(config, "sft"), points, model=tuned)
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


if __name__ == "__main__":
    raise SystemExit(command(customize))
