"""What M reaches with no language model: rule code, and bags of words for what a customer means.

`Rules` plays all five roles. It reads the prompts that a model reads and nothing else, answers the same points, and
plays whole scenarios through the same runtime. What it reaches, no model has to be trained for.
"""

import json
from collections.abc import Iterable, Sequence

from temper.agents import plan as plans
from temper.agents.client import Answer, Request
from temper.agents.plan import Plan, planned
from temper.agents.roles import calls_text
from temper.domains.base import Domain, Understanding
from temper.evaluation.listener import Listener
from temper.rows import ChatRow, Message, answer


class Rules:
    """All five roles without a language model, as a `Responder`.

    Understander: a `Listener`. Planner: asks for what is missing, refuses by the rule that came back, else plans what
    the intent needs. Evaluator: always `safe`. Executor: the plan's calls. Explainer: the domain's fixed sentence for a
    question or a refusal; about results it says nothing and leaves them to what M appends.
    """

    def __init__(self, domain: Domain, rows: Iterable[ChatRow]) -> None:
        """`rows` is the SFT set, of which the Understander's rows teach the words."""
        self._domain, self._listener = domain, Listener(domain)
        for row in rows:
            if row.role == "understander":
                self._listener.learn(row.prompt[-1]["content"], answer(row))

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        """The role's answer."""
        return Answer(self.answer(request.role, request.messages))

    def answer(self, role: str, messages: Sequence[Message]) -> str:
        """What the role writes for these messages."""
        text = messages[-1]["content"]
        if role == "understander":
            return self._listener.understood(text).text()
        if role == "planner":
            return self._plan(text).text()
        if role == "executor":
            return calls_text(plans.parse(text, self._domain.tools).calls)
        return "safe" if role == "evaluator" else self._fixed_sentence(text)

    def _plan(self, prompt: str) -> Plan:
        *_, entities, last = prompt.split("\n")
        intent, what, why = last.split(" ", 2)
        if what == "missing:" and why != "none":
            return Plan(ask=why.split(", ")[0])
        if what == "feedback:" and why in self._domain.rules:
            return Plan(refuse=why)
        values = json.loads(entities.removeprefix("given: "))
        return Plan(calls=planned(self._domain, Understanding(intent, values)))

    def _fixed_sentence(self, prompt: str) -> str:
        what, _, rest = prompt.rsplit("\n", maxsplit=1)[-1].partition(": ")
        if what == "ask":
            return self._domain.ask(rest)[0]
        rule = rest.partition(",")[0]
        return self._domain.refusal(rule)[0] if what == "refused" and rule in self._domain.rules else ""
