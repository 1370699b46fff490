"""Tokens, FLOPs and hours of each stage: a projection from the settings and the data sheet, never a measurement.

Hours of arithmetic are FLOPs over `utilisation` of the devices' dense BF16. An answer's tokens are bound by memory
instead: each step of the engine reads all weights once for everybody who is being answered.
"""

from dataclasses import dataclass

from temper.capacity.architecture import Architecture
from temper.capacity.memory import BF16, drafter
from temper.capacity.speed import ladder as at_most
from temper.config import PipelineConfig
from temper.config.plan import PlanSettings
from temper.config.rungs import ladder

BACKWARD = 1.0
"""Gradients of activations cost as much as the forward pass; reading a block again for them as much once more."""


@dataclass(frozen=True)
class Work:
    """What one stage reads and computes, and the least time that it takes on the plan's devices."""

    stage: str
    tokens: float
    flops: float
    hours: float


def work(config: PipelineConfig, plan: PlanSettings, base: Architecture) -> list[Work]:
    """Every stage that computes with a model, in the flow's order."""
    student = base.expanded(config.expand.every)
    sizes, row = config.synthesize, plan.prompt_tokens + plan.answer_tokens
    documents, page = sizes.cpt_domain_documents + sizes.cpt_public_documents, plan.document_tokens
    new = (student.blocks - base.blocks) * student.block_linear
    trained = new if config.cpt.trainable == "new_blocks" else student.parameters
    sft, dpo = config.sft, config.dpo
    drafted = sum(sizes.draft_prompts.values()) + sizes.draft_public_prompts
    each = _Reckoner(plan, config.runtime.processes, config.engine.tensor_parallel)
    read = student.forward_flops(row)
    ahead = config.draft.epochs * config.draft.ttt_steps * 6.0 * drafter(config, student)
    return [
        each.trained("cpt", config.cpt.epochs * documents * page, student, page, trained),
        each.trained("sft", sft.epochs * sum(sizes.traces_per_role.values()) * row, student, row, student.tuned(sft)),
        each.answered("practice", sum(sizes.practice_prompts.values()), student, config.practice.concurrency),
        each.trained("dpo", dpo.epochs * sizes.dpo_pairs * 2 * row, student, row, student.tuned(dpo), more=read),
        each.answered("answers", drafted, student, config.answers.concurrency),
        each.computed("draft", drafted * row, read + ahead, devices=1),
        each.computed("fp8", config.fp8.samples * min(row, config.fp8.max_length), read, devices=1),
        each.answered("evaluate", _calls(config, plan), student, config.evaluate.concurrency),
        _benchmark(config, plan, base, student),
    ]


def _calls(config: PipelineConfig, plan: PlanSettings) -> float:
    """Agent calls of all evaluations: points of five roles, scenarios of ten turns. Teacher and rules ask no model."""
    budgets = config.evaluate
    models = [stage for stage in {*budgets.points_per_role, *budgets.scenarios} if stage not in ("teacher", "rules")]
    points = sum(5 * budgets.points_per_role.get(stage, 0) for stage in models)
    return points + sum(budgets.scenarios.get(stage, 0) for stage in models) * budgets.trials * 10 * plan.calls_per_turn


def _benchmark(config: PipelineConfig, plan: PlanSettings, base: Architecture, student: Architecture) -> Work:
    """Its windows take as long as they are asked for; tokens of the turns that fit into them, at most.

    Of rungs that guess tokens from text that was seen before, the tokens are left out.
    """
    settings, rungs = config.benchmark, ladder(config.benchmark)
    window_s = settings.rounds * settings.round_s
    turns = window_s * sum(row.turns_per_s for row in at_most(config, plan, base, [r for r in rungs if not r.free]))
    row = plan.prompt_tokens + plan.answer_tokens
    tokens = turns * plan.calls_per_turn * row
    hours = len(rungs) * len(settings.concurrency) * window_s / 3600
    return Work("benchmark", tokens, tokens * student.forward_flops(row), hours)


@dataclass(frozen=True)
class _Reckoner:
    plan: PlanSettings
    processes: int
    tensor_parallel: int

    def trained(
        self, stage: str, tokens: float, model: Architecture, length: float, trained: int, more: float = 0.0
    ) -> Work:
        """Forward, again for the gradient, backward, and two FLOPs for each trained weight; `more` a token besides."""
        flops = model.forward_flops(length) * (2 + BACKWARD) + 2.0 * trained + more
        return self.computed(stage, tokens, flops, devices=self.processes)

    def computed(self, stage: str, tokens: float, flops_each: float, devices: int) -> Work:
        """Arithmetic alone."""
        flops = tokens * flops_each
        return Work(stage, tokens, flops, self._hours(flops, devices))

    def answered(self, stage: str, calls: float, model: Architecture, at_once: int) -> Work:
        """Prompts by arithmetic, answers by bandwidth, both over the devices that share the model."""
        plan, devices = self.plan, self.tensor_parallel
        prompts, answers = calls * plan.prompt_tokens, calls * plan.answer_tokens
        row = plan.prompt_tokens + plan.answer_tokens
        flops = (prompts + answers) * model.forward_flops(row)
        once = model.parameters * BF16 / at_once + model.cache_bytes(BF16) * row
        reading = answers * once / (plan.bandwidth_gb_s * 1e9 * devices) / 3600
        return Work(stage, prompts + answers, flops, self._hours(flops, devices) + reading)

    def _hours(self, flops: float, devices: int) -> float:
        return flops / (devices * self.plan.bf16_tflops * 1e12 * self.plan.utilisation) / 3600
