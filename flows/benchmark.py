"""Measure a registered bundle again: same models, this machine, today."""

from prefect import flow

from tasks.benchmark import benchmark as measure
from tasks.registered import registered
from tasks.report import report
from tasks.shared.pipeline import Pipeline, chosen
from tasks.synthesize import synthesize
from temper.config import Override, PipelineConfig
from temper.process import specs


@flow(name="benchmark")
def benchmark(config: PipelineConfig | str, overrides: tuple[Override, ...] = (), version: str = "champion") -> None:
    """Serve customer turns with a registered bundle, and report the ladder.

    Args:
        config: A whole configuration, or the name of a preset; its `registry.name` says which model.
        overrides: Changes to it, `dotted.key=value` each.
        version: Version or alias of the registered model.
    """
    config = chosen(config, overrides)
    run = Pipeline(config)
    with run:
        bundle = run(registered, config.registry.name, version)
        sets = run(synthesize, specs.SynthesizeSpec.of(config))
        again = measure.with_options(refresh_cache=True)
        run(again, specs.BenchmarkSpec.of(config, run.machine), sets.data("evaluation"), **bundle.models)
    run.finish(report)
