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
        start = run(base, specs.BaseSpec.of(config))
        sets = run(synthesize, specs.SynthesizeSpec.of(config))
        run(validate, specs.ValidateSpec.of(config), start.model, sets.datasets)

        deeper = run(expand, specs.ExpandSpec.of(config), start.model)
        adapted = run(cpt, specs.CPTSpec.of(config), deeper.model, sets.data("cpt"))
        tuned = run(sft, specs.SFTSpec.of(config), adapted.model, sets.data("sft"))
        mistakes = None
        if config.synthesize.practice_prompts:
            mistakes = run(practice, specs.PracticeSpec.of(config), tuned.model, sets.data("practice")).data()
        aligned = run(dpo, specs.DPOSpec.of(config), tuned.model, sets.data("dpo"), mistakes=mistakes)

        spoken = run(answers, specs.AnswersSpec.of(config), aligned.model, sets.data("draft_prompts"))
        drafter, quantised = run.together(
            (draft, specs.DraftSpec.of(config), aligned.model, spoken.data()),
            (fp8, specs.FP8Spec.of(config), aligned.model, sets.data("calibration")),
        )
        small = drafter
        if config.fp8.drafter:
            both = specs.FP8Spec.of(config, "drafter")
            small = run(fp8, both, aligned.model, sets.data("calibration"), drafter=drafter.model)

        points = sets.data("evaluation")
        run(evaluate, specs.EvaluateSpec.of(config, "teacher"), points)
        run(evaluate, specs.EvaluateSpec.of(config, "rules"), points, words=sets.data("sft"))
        run(evaluate, specs.EvaluateSpec.of(config, "base"), points, model=start.model)
        run(evaluate, specs.EvaluateSpec.of(config, "cpt"), points, model=adapted.model)
        run(evaluate, specs.EvaluateSpec.of(config, "sft"), points, model=tuned.model)
        run(evaluate, specs.EvaluateSpec.of(config, "dpo"), points, model=aligned.model)
        run(evaluate, specs.EvaluateSpec.of(config, "final"), points, model=quantised.model, drafter=small.model)
        if config.evaluate.scenarios.get("unaided"):
            run(evaluate, specs.EvaluateSpec.of(config, "unaided"), points, model=quantised.model, drafter=small.model)

        served = (aligned.model, drafter.model, quantised.model, small.model)
        run(benchmark, specs.BenchmarkSpec.of(config, run.machine), points, *served)
        best = run(champion, config.registry.name, quantised.model, small.model)
        if best:
            final = specs.EvaluateSpec.of(config, "final")
            run.beside(evaluate, final, points, model=best.fp8, drafter=best.drafter_fp8)
        verdict = run(gate, run.results, config.gate, best)
        run(promote, *served, run.results, verdict, config)
    run.finish(report)


if __name__ == "__main__":
    raise SystemExit(command(customize))
