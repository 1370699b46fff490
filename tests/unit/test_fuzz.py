"""A thousand mangled answers: right ones with letters and words changed, cut, doubled and swapped between roles.

Whatever a model writes, no exception leaves a parser or a turn, and no tool runs that its schema or the rules forbid.
"""

import asyncio
import random
from collections import Counter

from temper.agents import plan as plans
from temper.agents.client import Answer, Request
from temper.agents.plan import Malformed, check
from temper.agents.roles import parse_calls, parse_understanding, parse_verdict, ungrounded
from temper.agents.runtime import Conversation, System
from temper.domains import load_domain
from temper.synthesis.customer import Traffic
from temper.synthesis.simulator import play
from temper.synthesis.teacher import Oracle

DOMAIN = load_domain("automotive")
ANSWERS = 1000
STRANGE = (
    '"',
    "\\",
    "\n",
    "\x00",
    "💥",
    "{",
    "]",
    "$a",
    "__import__('os')",
    "-1",
    "1e999",
    "NaN",
    "ok",
    "broken",
    "V1",
    "",
)


class Mangler:
    """The oracle's answers, every other one mangled; keeps those."""

    def __init__(self, oracle: Oracle, rng: random.Random) -> None:
        self.oracle, self.rng = oracle, rng
        self.written: list[str] = []
        self.before = "safe"

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        right = self.oracle.answer(request)
        if self.rng.random() < 0.5:  # enough get through for calls to be made
            return Answer(right)
        text = mangled(right, self.before, self.rng)
        self.before = right
        self.written.append(text)
        return Answer(text)


def mangled(text: str, other: str, rng: random.Random) -> str:
    """`text` after one to three changes; `other` is what another role wrote."""
    for _ in range(rng.randint(1, 3)):
        at, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        text = rng.choice(
            (
                text[:at] + rng.choice(STRANGE) + text[at:],
                text[:at] + text[end:],
                text[:end],
                text + text[at:end],
                text[:at] + str(rng.randrange(10)) + text[at + 1 :],
                text.replace(rng.choice("0123456789abcdefgh"), rng.choice("0123456789")),
                text.replace("yes", "no").replace("ok", "broken"),
                text.replace(rng.choice(list(DOMAIN.tools)), rng.choice(list(DOMAIN.tools))),
                other,
                text[at:end] * 50,
            )
        )
    return text


def test_a_thousand_mangled_answers_harm_nothing() -> None:
    rng, written, counts, calls = random.Random(3), 0, Counter[str](), 0
    for seed in range(1000):
        episode = asyncio.run(play(DOMAIN, seed, "test", Traffic()))
        world, mirror = DOMAIN.world(seed, "test"), DOMAIN.world(seed, "test")
        model = Mangler(Oracle(DOMAIN, world), rng)
        talk = Conversation(System(DOMAIN, model, 15.0, 64), world)
        for line in episode.lines:
            model.oracle.truth = line.truth
            turn = asyncio.run(talk.turn(line.text))
            counts += turn.counts
            for name, given in turn.calls:
                assert check((name, given), DOMAIN.tools) == (name, given)
                assert mirror.broken([(name, given)]) is None
                mirror.run(name, given)
                calls += 1
            assert world.state_digest() == mirror.state_digest()
        for text in model.written:
            _parsed(text)
        written += len(model.written)
        if written >= ANSWERS:
            break
    assert written >= ANSWERS
    assert calls > 100
    assert {"understander_malformed", "planner_malformed", "executor_malformed", "replanned"} <= set(counts)


def _parsed(text: str) -> None:
    """Every parser returns or raises Malformed."""
    ungrounded(text, text, DOMAIN)
    for parser in (parse_understanding, parse_verdict, parse_calls):
        try:
            parser(text, DOMAIN)
        except Malformed:
            continue
    try:
        plan = plans.parse(text, DOMAIN.tools)
        plans.volume(plan.text())
    except Malformed:
        pass
