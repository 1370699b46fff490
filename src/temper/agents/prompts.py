"""What each role reads. Short on purpose: a 135M model pays for every token, in training and in serving.

A prompt is a system message that is the same for every call of a role in a business, so that it is computed once in
serving (prefix cache) and once a batch in training, and one user message made of `name: value` lines. With SmolLM2's
tokenizer the system messages are 15 to 180 tokens long, the user messages 15 to 90.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from temper.agents.inputs import (
    EvaluatorInput,
    ExecutorInput,
    ExplainerInput,
    PlannerInput,
    RoleInput,
    UnderstanderInput,
)
from temper.agents.plan import Plan
from temper.agents.running import Run
from temper.domains.base import Domain, digest
from temper.rows import Message

Variant = Literal["plain", "distractors", "reordered", "reordered_anew"]
"""How tools are shown: those of the business, among all others, or in one of two other orders (training and test)."""

SYSTEM = {
    "understander": "You are the Understander of {company}. Write JSON: intent, entities, missing.\nintents: {intents}",
    "planner": (
        "You are the Planner of {company}. Ask for what is missing with seek_information(field). "
        "Else note # rule value ok, up to a broken one, then write name = tool(arg=value) or refuse(rule).\n"
        "tools: {tools}"
    ),
    "evaluator": "You are the Evaluator of {company}. Write rule value ok for each rule, up to a broken one, or safe.",
    "executor": "You are the Executor of {company}. Write the calls of the plan as JSON.",
    "explainer": "You are the Explainer of {company}. Tell the customer the results.",
}


@dataclass(frozen=True)
class Prompter:
    """Builds every role's messages for one domain."""

    domain: Domain
    variant: Variant = "plain"

    def messages(self, inputs: RoleInput) -> list[Message]:
        """What the role reads when it is asked this."""
        match inputs:
            case UnderstanderInput():
                return self._messages(inputs.role, _understander(inputs))
            case PlannerInput():
                return self._messages(
                    inputs.role, self._planner(inputs), self.domain.intents[inputs.state.intent].business
                )
            case EvaluatorInput():
                return self._messages(inputs.role, self._evaluator(inputs))
            case ExecutorInput():
                return self._messages(inputs.role, [inputs.plan.text()])
            case ExplainerInput():
                return self._messages(inputs.role, [f"customer: {inputs.utterance}", self._report(inputs.happened)])

    def _planner(self, inputs: PlannerInput) -> list[str]:
        """The rules about the intent, facts that they ask for, what is given, and last what decides: the intent's name
        and what is missing, or why a plan came back. The tools of the business stand in the instructions.
        """
        state, intent = inputs.state, self.domain.intents[inputs.state.intent]
        values = json.dumps(state.entities, separators=(",", ":"))
        missing = f"missing: {', '.join(state.missing) or 'none'}"
        why = f"feedback: {inputs.feedback}" if inputs.feedback and not state.missing else missing
        return [
            self._rules(intent.tools),
            f"facts: {inputs.facts or 'none'}",
            f"given: {values}",
            f"{intent.name} {why}",
        ]

    def _evaluator(self, inputs: EvaluatorInput) -> list[str]:
        """The rules about the plan's tools, facts, and the plan."""
        tools = [name for name, _ in inputs.plan.calls]
        return [self._rules(tools), f"facts: {inputs.facts or 'none'}", f"plan:\n{inputs.plan.text()}"]

    def _report(self, happened: Plan | Run) -> str:
        """A question, a refusal with its rule, or the results, one a line."""
        if isinstance(happened, Run):
            results = zip(happened.names, happened.outcomes, strict=True)
            return "\n".join(f"{name}: {outcome.text}" for name, outcome in results)
        if happened.ask:
            return f"ask: {happened.ask}"
        rule = self.domain.rules.get(happened.refuse or "")
        return f"refused: {happened.refuse}, {rule.text if rule else 'not possible'}"

    def digest(self) -> str:
        """Digest of prompts, tool schemas and rules."""
        return digest(self.domain, SYSTEM)

    def _tools(self, business: str) -> str:
        """Signatures of the business's tools: the same for every call in it."""
        intents = self.domain.intents.values()
        own = {tool for intent in intents if intent.business == business for tool in intent.tools}
        names = [name for name in self.domain.tools if name in own or self.variant == "distractors"]
        return "; ".join(self.domain.tools[name].signature for name in self._ordered(names))

    def _rules(self, tools: Sequence[str]) -> str:
        names = [rule.name for rule in self.domain.rules.values() if set(tools) & set(rule.tools)]
        texts = [f"{name} {self.domain.rules[name].text}" for name in self._ordered(names)]
        return f"rules: {'; '.join(texts) or 'none'}"

    def _ordered(self, names: list[str]) -> list[str]:
        if self.variant.startswith("reordered"):
            random.Random(self.variant).shuffle(names)
        return names

    def _messages(self, role: str, lines: Sequence[str], business: str = "") -> list[Message]:
        intents = "; ".join(f"{intent.name}({', '.join(intent.entities)})" for intent in self.domain.intents.values())
        system = SYSTEM[role].format(company=self.domain.company, intents=intents, tools=self._tools(business))
        return [{"role": "system", "content": system}, {"role": "user", "content": "\n".join(lines)}]


def _understander(inputs: UnderstanderInput) -> list[str]:
    """State of the open task, what was last shown, and what the customer says."""
    state = inputs.state.text() if inputs.state else "none"
    return [f"state: {state}", f"shown: {inputs.focus or 'none'}", f"customer: {inputs.utterance}"]
