"""What each role reads. Short on purpose: a 135M model pays for every token, in training and in serving.

A prompt is a fixed system message (its prefix is computed once, in training and in serving) and one user message made
of `name: value` lines. With SmolLM2's tokenizer the user messages are 20 to 150 tokens long, and the Understander's
list of intents 150.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from temper.domains.base import Domain, Outcome, Understanding, digest

Message = dict[str, str]
Variant = Literal["plain", "distractors", "reordered"]
"""How the Planner's tools and rules are shown: as usual, among tools of other departments, or in another order."""

SYSTEM = {
    "understander": "You are the Understander of {company}. Write JSON: intent, entities, missing.\nintents: {intents}",
    "planner": (
        "You are the Planner of {company}. Note # rule value ok or broken, then write calls: name = tool(arg=value). "
        "Ask with seek_information(field), decline with refuse(rule)."
    ),
    "evaluator": "You are the Evaluator of {company}. Write rule value ok or broken for each rule, or safe.",
    "executor": "You are the Executor of {company}. Write the calls of the plan as JSON.",
    "explainer": "You are the Explainer of {company}. Tell the customer the results.",
}


@dataclass(frozen=True)
class Prompter:
    """Builds every role's messages for one domain."""

    domain: Domain
    variant: Variant = "plain"

    def understander(self, state: Understanding | None, focus: str | None, utterance: str) -> list[Message]:
        """State of the open task, what was last shown, and what the customer says."""
        lines = [f"state: {state.text() if state else 'none'}", f"shown: {focus or 'none'}", f"customer: {utterance}"]
        return self._messages("understander", lines)

    def planner(self, state: Understanding, facts: str, feedback: str | None) -> list[Message]:
        """The tools and rules around the intent, facts that rules ask for, the state, and why a plan came back."""
        tools = self._tools(state.intent)
        rules = [rule.name for rule in self.domain.rules.values() if set(rule.tools) & set(self._own(state.intent))]
        if self.variant == "reordered":
            rng = random.Random(state.text())
            rng.shuffle(tools)
            rng.shuffle(rules)
        lines = [f"tools: {'; '.join(self.domain.tools[name].signature for name in tools)}"]
        lines += [*self._rules(rules), f"facts: {facts or 'none'}", f"state: {state.text()}"]
        return self._messages("planner", lines + ([f"feedback: {feedback}"] if feedback else []))

    def evaluator(self, plan: str, tools: Iterable[str], facts: str) -> list[Message]:
        """The rules about the plan's tools, facts, and the plan."""
        used = set(tools)
        rules = [rule.name for rule in self.domain.rules.values() if used & set(rule.tools)]
        return self._messages("evaluator", [*self._rules(rules), f"facts: {facts or 'none'}", f"plan:\n{plan}"])

    def executor(self, plan: str) -> list[Message]:
        """The approved plan."""
        return self._messages("executor", [plan])

    def explainer(self, utterance: str, report: str) -> list[Message]:
        """What the customer said and what happened; see `happened`, `asked` and `refused`."""
        return self._messages("explainer", [f"customer: {utterance}", report])

    def happened(self, names: Sequence[str], outcomes: Sequence[Outcome]) -> str:
        """Results, one a line."""
        return "\n".join(f"{name}: {outcome.text}" for name, outcome in zip(names, outcomes, strict=True))

    def asked(self, field: str) -> str:
        """A field is missing."""
        return f"ask: {field}"

    def refused(self, rule: str) -> str:
        """A rule forbids it."""
        known = self.domain.rules.get(rule)
        return f"refused: {rule}, {known.text if known else 'not possible'}"

    def digest(self) -> str:
        """Digest of prompts, tool schemas and rules."""
        return digest(self.domain, SYSTEM)

    def _own(self, intent: str) -> tuple[str, ...]:
        return self.domain.intents[intent].tools

    def _tools(self, intent: str) -> list[str]:
        """The intent's own tools and one neighbour of the same business, or four of other ones as distractors."""
        own = self._own(intent)
        business = self.domain.intents[intent].business
        near = [i.tools[0] for i in self.domain.intents.values() if i.business == business and i.tools[0] not in own]
        far = [i.tools[0] for i in self.domain.intents.values() if i.business != business]
        extra = near[:1] if self.variant != "distractors" else near[:1] + random.Random(intent).sample(far, 3)
        return [name for name in self.domain.tools if name in own or name in extra]

    def _rules(self, names: Sequence[str]) -> list[str]:
        return [f"rules: {'; '.join(f'{name} {self.domain.rules[name].text}' for name in names) or 'none'}"]

    def _messages(self, role: str, lines: Sequence[str]) -> list[Message]:
        intents = "; ".join(f"{intent.name}({', '.join(intent.entities)})" for intent in self.domain.intents.values())
        return [
            {"role": "system", "content": SYSTEM[role].format(company=self.domain.company, intents=intents)},
            {"role": "user", "content": "\n".join(lines)},
        ]
