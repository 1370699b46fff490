"""Hard negatives: pairs on both sides of each business rule's boundary, where a plan is nearly right."""

import random
from typing import Any

from temper.agents.plan import Plan
from temper.agents.prompts import Prompter
from temper.agents.roles import Verdict
from temper.domains.base import Domain, Line


def hard_negatives(domain: Domain, seed: int, count: int, rng: random.Random) -> list[dict[str, Any]]:
    """`count` pairs: a broken rule must be refused (Planner) or named (Evaluator), and a kept one must not be."""
    rows: list[dict[str, Any]] = []
    rules = [(rule, tool) for rule in domain.rules.values() for tool in rule.tools]
    tries = 0
    while len(rows) < count and tries < 200 * count:
        rule, tool = rules[tries % len(rules)]
        world = domain.world(seed * 1000 + tries, "train")
        breaks = rule.name if tries // len(rules) % 3 else None
        lines = domain.task(rng, world, tool, "train", None, breaks) if tool in domain.intents else []
        tries += 1
        if lines:
            facts = world.facts(lines[-1].truth.entities, tool)
            rows += _pairs(domain, lines[-1], facts, rule.name, broken=breaks is not None)
    return rows[:count]


def _pairs(domain: Domain, line: Line, facts: str, rule: str, *, broken: bool) -> list[dict[str, Any]]:
    prompter, naive = Prompter(domain), Plan(calls=tuple(domain.plan(line.truth)))
    refusal, verdict = Plan(refuse=rule).text(), Verdict(rule).text()
    tools = [name for name, _ in naive.calls]
    plan = (prompter.planner(line.truth, facts, None), (refusal, naive.text()))
    check = (prompter.evaluator(naive.text(), tools, facts), (verdict, "safe"))
    rows = []
    for role, (prompt, texts) in (("planner", plan), ("evaluator", check)):
        chosen, rejected = texts if broken else texts[::-1]
        rows.append(
            {
                "role": role,
                "kind": "rule_broken" if role == "planner" else "unsafe_approved",
                "origin": "hard_negative",
                "prompt": prompt,
                "chosen": [{"role": "assistant", "content": chosen}],
                "rejected": [{"role": "assistant", "content": rejected}],
            }
        )
    return rows
