"""Hard negatives: pairs on both sides of each business rule's boundary, where a plan is nearly right."""

import random
from dataclasses import replace

from temper.agents.inputs import EvaluatorInput, PlannerInput
from temper.agents.plan import Plan, planned
from temper.agents.prompts import Prompter
from temper.agents.roles import EvaluatorVerdict, review_text
from temper.domains.base import Domain, Line, World
from temper.rows import PairRow, pair


def hard_negatives(domain: Domain, seed: int, count: int, rng: random.Random) -> list[PairRow]:
    """`count` pairs: a broken rule must be refused (Planner) or named (Evaluator), and a kept one must not be."""
    rows: list[PairRow] = []
    rules = [
        (rule, intent.name)
        for rule in domain.rules.values()
        for intent in domain.intents.values()
        if set(intent.tools) & set(rule.tools)
    ]
    rng.shuffle(rules)
    tries = 0
    while len(rows) < count and tries < 200 * count:
        rule, intent = rules[tries // 2 % len(rules)]
        world = domain.world(seed * 1000 + tries, "train")
        breaks = rule.name if tries % 2 == 0 else None
        lines = domain.task(rng, world, intent, "train", None, breaks)
        tries += 1
        if lines:
            facts = world.facts(lines[-1].truth.entities, intent)
            rows += _pairs(domain, lines[-1], world, facts, rule.name, broken=breaks is not None)
    return rows[:count]


def _pairs(domain: Domain, line: Line, world: World, facts: str, rule: str, *, broken: bool) -> list[PairRow]:
    prompter, naive = Prompter(domain), Plan(calls=planned(domain, line.truth))
    right = tuple(world.review(naive.calls))
    wrong = tuple(replace(checked, holds=broken or checked.rule != rule) for checked in right)
    plans = [
        f"# {review_text(review)}\n" + (Plan(refuse=rule) if EvaluatorVerdict(review).rule else naive).text()
        for review in (right, wrong)
    ]
    if wrong == right:
        return []
    by_plan, by_verdict = ("rule_broken", "unsafe_approved") if broken else ("over_refusal", "over_refusal")
    return [
        pair(
            role="planner",
            kind=by_plan,
            origin="hard_negative",
            prompt=prompter.messages(PlannerInput(line.truth, facts)),
            right=plans[0],
            wrong=plans[1],
        ),
        pair(
            role="evaluator",
            kind=by_verdict,
            origin="hard_negative",
            prompt=prompter.messages(EvaluatorInput(naive, facts)),
            right=EvaluatorVerdict(right).text(),
            wrong=EvaluatorVerdict(wrong).text(),
        ),
    ]
