"""Whether a domain keeps what `temper.domains.base.Domain` promises: `temper domain check NAME|FOLDER`."""

import asyncio
import random
import re
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from temper.agents.inputs import ExplainerInput
from temper.agents.plan import Malformed, check
from temper.agents.roles import holds, ungrounded
from temper.domains.base import Domain, Intent, Line, World
from temper.errors import TemperError
from temper.synthesis import domain_shape as shape
from temper.synthesis.customer import Traffic
from temper.synthesis.overlap import plain
from temper.synthesis.simulator import play
from temper.synthesis.teacher import explain

SEEDS = 40
"""Worlds to look for an example in."""
QUIET = Traffic(naive_rate=0.0, timid_rate=0.0)
"""Conversations without a mistake."""
HARD = Traffic(naive_rate=0.0, timid_rate=0.0, corrections=0.3, dropped=0.3)
"""The same with customers who change their minds."""
CONVERSATIONS = 800
"""Conversations in which every rule has to be run into; some ten seconds."""


def problems(domain: Domain) -> Iterator[str]:
    """One line for each promise that is not kept; later ones are looked at only when the earlier ones are kept."""
    for look in (
        shape.members,
        shape.names,
        shape.arguments,
        shape.plans,
        _worlds,
        _tasks,
        _things,
        _words,
        _conversations,
        _rules,
    ):
        try:
            wrong = list(look(domain))
        except TemperError as error:
            wrong = [str(error)]
        except Exception as error:  # the domain's own code: whatever it raises is something to mend
            where = traceback.extract_tb(error.__traceback__)[-1]
            wrong = [f"{Path(where.filename).name}:{where.lineno} raised {type(error).__name__}: {error}"]
        yield from wrong
        if wrong:
            return


def _worlds(domain: Domain) -> Iterator[str]:
    for split in ("train", "test"):
        one, same, other = (domain.world(seed, split).state_digest() for seed in (1, 1, 2))
        if one != same:
            yield f"world(1, {split!r}) differs from call to call: draw everything from random.Random(seed)"
        if one == other:
            yield f"world(1, {split!r}) and world(2, {split!r}) are the same: the seed has no effect"


def _examples(domain: Domain, intent: str, split: str) -> Iterator[tuple[World, list[Line]]]:
    """Worlds in which the domain has a task for the intent, with its lines."""
    for seed in range(SEEDS):
        world = domain.world(seed, split)
        lines = domain.task(random.Random(seed), world, intent, split, None)
        if lines:
            yield world, lines


def _tasks(domain: Domain) -> Iterator[str]:
    templates: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for split, wordings in templates.items():
        later = _later(domain, split)
        for intent in domain.intents.values():
            examples: list[tuple[World | None, list[Line]]] = [*_examples(domain, intent.name, split)]
            examples = examples or [(None, lines) for lines in later[intent.name]]
            if not examples:
                yield f"task({intent.name!r}, {split!r}) gave no lines in {SEEDS} worlds, nor in {SEEDS} conversations"
            wordings |= {_wording(line.template): line.template for _, lines in examples for line in lines}
            checks = (_task(domain, intent, world, lines) for world, lines in examples)
            yield from dict.fromkeys(filter(None, checks))
    for same in sorted(templates["train"].keys() & templates["test"].keys())[:5]:
        train, test = templates["train"][same], templates["test"][same]
        but = "" if train == test else f", but for punctuation, order and politeness: {train!r}"
        yield f"a wording is in both splits: {test!r}{but}"


def _wording(template: str) -> str:
    """What tells a wording from others: its words, in whatever order."""
    return " ".join(sorted(plain(re.sub(r"\{(\w+)\}", r"value_\1", template)).split()))


def _things(domain: Domain) -> Iterator[str]:
    """Numbers and names of things are of one split: what was learnt by heart is no use in the other."""
    known: dict[str, dict[str, str]] = {"train": {}, "test": {}}
    for split, things in known.items():
        for seed in range(SEEDS):
            episode = asyncio.run(play(domain, seed, split, replace(QUIET, out_of_policy=0.5)))
            values = [item for line in episode.lines for item in line.truth.entities.items()]
            replies = [record.inputs for record in episode.records if isinstance(record.inputs, ExplainerInput)]
            values += [("a result", fact) for inputs in replies for fact in explain(domain, inputs)[1]]
            for name, value in values:
                if _thing(value, domain):
                    things.setdefault(str(value), name)
    both = sorted(known["train"].keys() & known["test"].keys())
    if both:
        shown = ", ".join(f"{value} ({known['train'][value]})" for value in both[:5])
        yield f"things are in both splits: {shown}{' ...' * (len(both) > 5)}: draw numbers from domains.base.of_split"


def _thing(value: object, domain: Domain) -> bool:
    """A number of a form, such as V12, or a name that the domain lists among its own."""
    if re.fullmatch(r"[A-Za-z]+\d\w*", str(value)):
        return True
    return str(value)[:1].isupper() and set(str(value).lower().split()) <= domain.names


def _later(domain: Domain, split: str) -> dict[str, list[list[Line]]]:
    """Lines by intent of tasks that come up in conversations, for intents that need something done before."""
    tasks: dict[str, list[list[Line]]] = {name: [] for name in domain.intents}
    for seed in range(SEEDS):
        lines: list[Line] = []
        for line in asyncio.run(play(domain, seed, split, QUIET)).lines:
            lines.append(line)
            if not line.truth.missing:
                tasks[line.truth.intent].append(lines)
                lines = []
    return tasks


def _task(domain: Domain, intent: Intent, world: World | None, lines: list[Line]) -> str | None:
    """What is wrong with a task, in the world that it was drawn for; None stands for a world that has moved on."""
    last = lines[-1].truth
    if any(line.truth.intent != intent.name for line in lines) or last.missing:
        return f"task({intent.name!r}): every line means this intent, and after the last nothing is missing"
    calls = domain.plan(last)
    if tuple(name for name, _ in calls) != intent.tools:
        return f"plan({intent.name!r}) calls {[name for name, _ in calls]}, the intent says {list(intent.tools)}"
    try:
        calls = [check(call, domain.tools) for call in calls]
    except Malformed as error:
        return f"plan({intent.name!r}): {error}"
    if world is None:
        return None
    before = world.state_digest()
    reads = not any(domain.tools[name].writes for name in intent.tools)
    literal = [call for call in calls if not any(str(value).startswith("$") for value in call[1].values())]
    if reads and not world.broken(literal):
        for name, arguments in literal:
            world.run(name, arguments)
        if world.state_digest() != before:
            return f"{', '.join(intent.tools)}: not marked as writing, and changed the world"
    return None


def _words(domain: Domain) -> Iterator[str]:
    fields = {field for intent in domain.intents.values() for field in intent.entities}
    texts = [(f"ask({field!r})", domain.ask(field), f"ask: {field}") for field in sorted(fields)]
    texts += [
        (f"refusal({rule.name!r})", domain.refusal(rule.name), f"refused: {rule.name}, {rule.text}")
        for rule in domain.rules.values()
    ]
    for name, (text, facts), shown in texts:
        if not holds(text, facts):
            yield f"{name}: the text does not hold its own facts: {text!r}, {facts}"
        for word in ungrounded(text, shown, domain):
            yield f"{name} says {word!r}, which the Explainer is not shown: {text!r}; it reads {shown!r}"
    if len(domain.documents(random.Random(0), 3)) != 3:
        yield "documents(rng, 3) does not give three (context, text) pairs"


def _conversations(domain: Domain) -> Iterator[str]:
    """What a faultless M would do goes without a hitch."""
    for seed in range(SEEDS // 4):
        episode = asyncio.run(play(domain, seed, "test", HARD))
        for line, turn in zip(episode.lines, episode.turns, strict=True):
            wrong = set(turn.counts) - {"reference_empty", "explainer_ungrounded"}
            for word in turn.invented:
                yield f"reply(...) says {word!r}, which is in none of the results: {turn.reply!r}, to {line.text!r}"
            if wrong:
                yield f"the right answers to {line.text!r} led to {', '.join(sorted(wrong))}"
        for record in episode.records:
            inputs = record.inputs
            if isinstance(inputs, ExplainerInput) and not holds(record.right, explain(domain, inputs)[1]):
                yield f"reply(...) does not hold the facts of its outcomes: {record.right!r}"


def _rules(domain: Domain) -> Iterator[str]:
    """Every rule is run into by somebody: a forbidden request, or a hasty plan, if need be after what came before."""
    left = set(domain.rules)
    for seed in range(CONVERSATIONS):
        if not left:
            return
        episode = asyncio.run(play(domain, seed, "train", Traffic(out_of_policy=0.5, mistake_rate=0.1, catch_rate=0.0)))
        met = {checked.split()[0] for record in episode.records for checked in _broken(record.right)}
        left -= met
    for rule in sorted(left):
        yield f"rule {rule}: nobody ran into it in {CONVERSATIONS} conversations: see task(..., breaks={rule!r})"


def _broken(right: str) -> list[str]:
    """The rules that an Evaluator's or a Planner's right answer says are broken."""
    return [part.strip("# ") for part in re.split(r"[,\n]", right) if part.endswith(" broken")]
