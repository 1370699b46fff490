"""M at work: one customer turn through Understander, Planner, Evaluator, Executor and Explainer.

A turn never raises for what a model wrote: a malformed answer is counted and handled. Nothing a model wrote is run;
the calls that reach the world are the Executor's, and only where schemas, the approved plan and the rules agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from temper.agents import plan as plans
from temper.agents.client import Request, Responder
from temper.agents.inputs import (
    EvaluatorInput,
    ExecutorInput,
    ExplainerInput,
    PlannerInput,
    RoleInput,
    UnderstanderInput,
)
from temper.agents.plan import Malformed, Plan
from temper.agents.prompts import Prompter, Variant
from temper.agents.roles import (
    calls_text,
    completed,
    grounded,
    holds,
    parse_calls,
    parse_understanding,
    parse_verdict,
    ungrounded,
)
from temper.agents.running import Run, refers, run_calls
from temper.agents.turn import Trace, Turn
from temper.domains.base import Call, Domain, Understanding, World
from temper.domains.scenario import Scenario

REPLANS = 2
"""How often the Planner may try again before a safe refusal."""
ALLOWED = "allowed"
"""Feedback on a refusal, or a question, where nothing is missing and no rule is broken."""
CONFUSED = "Sorry, I did not understand that. Could you say it in other words?"
SAFE_REFUSAL = "Sorry, I cannot do that for you. A colleague will be glad to help."


@dataclass(frozen=True)
class System:
    """M for one domain over one endpoint (or one scripted teacher)."""

    domain: Domain
    chat: Responder
    halstead_threshold: float
    """Plan volume above which the LLM Evaluator is asked, in bits."""
    max_tokens: int
    """Longest answer of one agent."""
    variant: Variant = "plain"
    repairs: bool = True
    """Whether M's rule code mends what agents write (decisions 0012, 0013, 0014, 0022); without it M only checks."""

    def open(self, scenario: Scenario) -> "Conversation":
        """A conversation in the scenario's fresh world."""
        return Conversation(self, self.domain.world(scenario.seed, scenario.split))


class Conversation:
    """A customer's conversation with M: the world, the open task, and what `it` means."""

    def __init__(self, system: System, world: World) -> None:
        self.system = system
        self.world = world
        self.pending: Understanding | None = None
        self.focus: str | None = None
        self.prompter = Prompter(system.domain, system.variant)

    async def turn(self, utterance: str) -> Turn:
        """Answer one utterance."""
        turn = Turn(utterance)
        try:
            state = await self._understand(turn)
        except Malformed:
            turn.reply = CONFUSED
            return turn
        plan = await self._approved(turn, state)
        self.pending = state if plan and plan.ask else None
        if plan is None:
            turn.reply = SAFE_REFUSAL
            return turn
        happened = await self._done(turn, plan)
        if happened is None:
            turn.reply = SAFE_REFUSAL
        else:
            await self._explain(turn, happened)
        return turn

    async def _ask(self, turn: Turn, inputs: RoleInput) -> str:
        messages = self.prompter.messages(inputs)
        answer = await self.system.chat.respond(Request(inputs, messages), self.system.max_tokens)
        turn.traces.append(Trace(inputs, messages, answer.text, answer.prompt_tokens, answer.completion_tokens))
        return answer.text.strip()

    async def _understand(self, turn: Turn) -> Understanding:
        text = await self._ask(turn, UnderstanderInput(self.pending, self.focus, turn.utterance))
        try:
            understood = parse_understanding(text, self.system.domain)
        except Malformed:
            turn.counts["understander_malformed"] += 1
            raise
        return self._mended(turn, understood) if self.system.repairs else understood

    def _mended(self, turn: Turn, understood: Understanding) -> Understanding:
        """What M may act on of what was understood, and what it need not ask for."""
        state = grounded(understood, self.pending, self.focus, turn.utterance, self.system.domain)
        if state != understood:
            turn.counts["understander_ungrounded"] += 1
        whole = completed(state, self.focus, turn.utterance, self.system.domain)
        if whole != state:
            turn.counts["understander_completed"] += 1
        return whole

    async def _approved(self, turn: Turn, state: Understanding) -> Plan | None:
        """A plan that broke no rule, within the bounded number of tries; None asks for a safe refusal.

        Once the rule checks have contradicted a refusal, the Evaluator is not asked again: its objection was what made
        the Planner refuse, or would be answered by the same checks.
        """
        facts, feedback, allowed = self.world.facts(state.entities, state.intent), None, False
        for _ in range(1 + REPLANS):
            text = await self._ask(turn, PlannerInput(state, facts, feedback))
            try:
                plan = self._planned(text, state)
            except Malformed:
                turn.counts["planner_malformed"] += 1
                feedback = "malformed"
                continue
            if plan.calls:
                feedback = await self._objection(turn, plan, facts, judged=not allowed)
            else:
                checked = self.system.repairs and not allowed
                feedback = self._contradiction(plan, state) if checked else None
            if feedback is None:
                return plan
            allowed = allowed or feedback == ALLOWED
            turn.counts["replanned" if plan.calls else "refusal_sent_back"] += 1
        turn.counts["gave_up"] += 1
        return None

    def _planned(self, text: str, state: Understanding) -> Plan:
        """The plan. Raises Malformed also for a question about no field of the intent, and for a rule that is none."""
        domain = self.system.domain
        plan = plans.parse(text, domain.tools)
        if plan.ask and plan.ask not in domain.intents[state.intent].entities:
            raise Malformed("the intent has no such field")
        if plan.refuse and plan.refuse not in domain.rules:
            raise Malformed("no such rule")
        return plan

    def _contradiction(self, plan: Plan, state: Understanding) -> str | None:
        """What the rule checks say against a plan without calls: another rule, or that nothing forbids the calls.

        They look at the intent's tools with what is known. Where something is missing they say nothing, nor about a
        rule for a tool whose arguments another call has yet to find.
        """
        domain, calls, unseen = self.system.domain, [], set()
        for name in domain.intents[state.intent].tools:
            fields = domain.tools[name].arguments.model_fields
            needed = {field for field, of in fields.items() if of.is_required()}
            if needed <= set(state.entities):
                calls.append((name, {field: state.entities[field] for field in fields if field in state.entities}))
            else:
                unseen.add(name)
        if plan.refuse and unseen & set(domain.rules[plan.refuse].tools):
            return None
        try:
            valid = [plans.check(call, domain.tools) for call in calls]
        except Malformed:
            return None
        verdict = None if state.missing else self.world.broken(valid) or ALLOWED
        return verdict if verdict != plan.refuse else None

    async def _objection(self, turn: Turn, plan: Plan, facts: str, *, judged: bool) -> str | None:
        """The rule that the plan breaks, by the rule checks, or for a complex plan, if `judged`, by the LLM Evaluator.

        A threshold of 0 asks the Evaluator about every plan, broken ones too: so traces are captured.
        """
        broken = self.world.broken(_literal(plan.calls))
        threshold = self.system.halstead_threshold
        if not judged or (broken and threshold > 0) or plans.volume(plan.text()) <= threshold:
            return broken
        objection = await self._judged(turn, plan, facts)
        return broken or objection

    async def _judged(self, turn: Turn, plan: Plan, facts: str) -> str | None:
        """The LLM Evaluator's objection, or None."""
        text = await self._ask(turn, EvaluatorInput(plan, facts))
        try:
            return parse_verdict(text, self.system.domain).rule
        except Malformed:
            turn.counts["evaluator_malformed"] += 1
            return "malformed"

    async def _done(self, turn: Turn, plan: Plan) -> Plan | Run | None:
        """What there is to explain: the plan's question or refusal, or what the calls gave back.

        None where the Executor's calls are not the approved ones, so that nothing ran.
        """
        if not plan.calls:
            return plan
        calls = await self._executable(turn, plan)
        if calls is None:
            return None
        run = self._run(turn, calls)
        return run if run.outcomes else Plan(refuse="not_possible")

    async def _executable(self, turn: Turn, plan: Plan) -> tuple[Call, ...] | None:
        """The Executor's calls, where they are valid for their tools and hold the approved plan's values.

        Anything else runs nothing: neither the rules nor the Evaluator looked at it (decision 0044).
        """
        text = await self._ask(turn, ExecutorInput(plan))
        try:
            calls = parse_calls(text, self.system.domain)
        except Malformed:
            turn.counts["executor_malformed"] += 1
            return None
        if calls_text(calls) != calls_text(plan.calls):
            turn.counts["executor_deviated"] += 1
            return None
        return calls

    def _run(self, turn: Turn, calls: tuple[Call, ...]) -> Run:
        """Run the calls in this conversation's world; what they last showed is what `it` means from now on."""
        run = run_calls(calls, self.world)
        turn.calls += run.calls
        self.focus = next((outcome.focus for outcome in reversed(run.outcomes) if outcome.focus), self.focus)
        if run.stopped:
            turn.counts[run.stopped] += 1
        return run

    async def _explain(self, turn: Turn, happened: Plan | Run) -> None:
        turn.reply = await self._ask(turn, ExplainerInput(turn.utterance, happened))
        facts, text = self._facts(happened)
        if self.system.repairs and not holds(turn.reply, facts):
            turn.counts["explainer_completed"] += 1
            turn.reply = f"{turn.reply} ({text})"
        turn.invented = ungrounded(turn.reply, turn.traces[-1].messages[-1]["content"], self.system.domain)
        if turn.invented:
            turn.counts["explainer_ungrounded"] += 1

    def _facts(self, happened: Plan | Run) -> tuple[Sequence[str], str]:
        """Facts that a reply has to hold, and what is known of them: the last result, or the rule that forbids it."""
        if isinstance(happened, Run):
            return happened.outcomes[-1].facts, happened.outcomes[-1].text
        rule = self.system.domain.rules.get(happened.refuse or "")
        return (self.system.domain.refusal(rule.name)[1], rule.text) if rule else ((), "")


def _literal(calls: tuple[Call, ...]) -> list[Call]:
    """The calls whose arguments are all known before anything ran; the others are checked when they run."""
    return [call for call in calls if not any(refers(value) for value in call[1].values())]
