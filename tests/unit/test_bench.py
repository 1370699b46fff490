"""The closed loop, the schedule, medians and marks of the ladder, and what counts as the same answer."""

import ast
import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from selectors import BaseSelector, SelectorKey
from types import SimpleNamespace
from typing import cast

import pytest

import temper
from temper.agents.client import Answer, Request
from temper.agents.inputs import ExecutorInput
from temper.agents.plan import Plan
from temper.agents.runtime import System
from temper.agents.turn import Trace, Turn
from temper.bench.engines import Configuration, Engines, configurations
from temper.bench.equivalence import compare, compare_draws, margin_at, metrics
from temper.bench.ladder import add_up
from temper.bench.load import Load, LoadCustomer, TimedTurn, distinct_percent, drive, queues, warm
from temper.bench.prompts import spread
from temper.bench.results import Difference, Drawn, Equivalence, Same
from temper.capacity.bound import Hardware, Served
from temper.config import ROLES, load_preset
from temper.config.rungs import DRAFTER, DRAFTER_FP8, FP8, RUNGS, STUDENT, Rung, ladder
from temper.config.stages import BenchmarkSettings
from temper.domains import load_domain
from temper.domains.scenario import Scenario
from temper.engine import Engine, Usage
from temper.engine.capabilities import cpu_capabilities
from temper.errors import EngineError
from temper.stats import multiples, percentile
from tests.unit.stage_run import point

MODELS = tuple(Path(name) for name in "tdqe")
"""Target, drafter, and both quantised."""


class Clock:
    """Answers after 10 ms what no agent can parse, so that a turn is one call; remembers who asked at once."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.open = self.most = 0

    async def respond(self, request: Request, max_tokens: int) -> Answer:
        self.open += 1
        self.most = max(self.most, self.open)
        self.said.append(request.messages[-1]["content"])
        await asyncio.sleep(0.01)
        self.open -= 1
        return Answer("?", prompt_tokens=9, completion_tokens=5)


def scenario(name: str, turns: int = 3) -> Scenario:
    """One whose lines can be told apart."""
    lines = tuple(f"{name}{index}" for index in range(turns))
    return Scenario(id=name, seed=1, split="test", turns=lines, meanings=lines, facts=((),) * turns, goal="")


class Skipping(asyncio.SelectorEventLoop):
    """A loop that does not wait for what sleeps but skips the time, so that a busy machine moves no figure."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped = 0.0
        selector: BaseSelector = vars(self)["_selector"]
        select = selector.select

        def skip(timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
            self._skipped += timeout or 0.0
            return select(0)

        vars(selector)["select"] = skip

    def time(self) -> float:
        return self._skipped


def played(clock: Clock, customers: list[LoadCustomer], window_s: float) -> Load:
    system = System(load_domain("automotive"), clock, halstead_threshold=20, max_tokens=8)
    with asyncio.Runner(loop_factory=Skipping) as runner:
        return runner.run(drive(system, customers, window_s))


def spoken(clock: Clock, lines: tuple[str, ...]) -> list[str]:
    return [next(line for line in lines if line in text) for text in clock.said]


def test_a_closed_loop_keeps_its_concurrency_to_the_windows_end() -> None:
    clock = Clock()
    load = played(clock, [LoadCustomer([scenario("a")]), LoadCustomer([scenario("b")])], window_s=0.1)
    assert clock.most == 2
    assert load.qps == pytest.approx(2 / 0.01)
    assert load.calls == len(load.answered) == len(clock.said) and load.tokens == 5 * load.calls
    assert all(one.began < load.began + 0.1 for one, _ in load.inside)


def test_the_last_turn_of_a_window_is_not_faster_for_having_less_company() -> None:
    class Uneven(Clock):
        """Its first customer waits long, its second does not."""

        async def respond(self, request: Request, max_tokens: int) -> Answer:
            long = "slow" in request.messages[-1]["content"]
            await asyncio.sleep(0.09 if long else 0)
            return await super().respond(request, max_tokens)

    load = played(Uneven(), [LoadCustomer([scenario("slow")]), LoadCustomer([scenario("fast")])], window_s=0.05)
    slow = max(load.answered, key=lambda one: one.seconds)
    assert slow.seconds == pytest.approx(0.1)
    others = [one for one in load.answered if one != slow]
    assert max(one.ended for one in others) >= slow.ended - 1e-9, "the other customer kept it company"
    assert load.turns == pytest.approx(0.5 + 5)


def test_a_turn_that_the_windows_end_cuts_counts_by_its_part() -> None:
    turn = Turn("?")
    load = Load((TimedTurn(0.0, 1.0, turn), TimedTurn(1.0, 3.0, turn), TimedTurn(3.0, 4.0, turn)), 0.0, 2.0)
    assert load.turns == 1.5 and load.qps == 0.75
    assert load.seconds == [1.0, 2.0], "what began after the window counts for nothing"
    assert load.goodput(1.0) == 0.5


def test_scenarios_are_played_to_their_end_over_the_rounds_the_second_business_too() -> None:
    clock = Clock()
    customer = LoadCustomer([scenario("a", 10), scenario("b", 10)])
    for _ in range(8):
        played(clock, [customer], window_s=0.025)
    lines = (*(f"a{n}" for n in range(10)), *(f"b{n}" for n in range(10)))
    assert spoken(clock, lines)[:20] == list(lines)


def test_every_rung_is_told_the_same_lines_in_the_same_order() -> None:
    first, second = Clock(), Clock()
    for clock in (first, second):
        played(clock, [LoadCustomer([scenario("a", 2), scenario("b", 2)])], window_s=0.06)
    least = min(len(first.said), len(second.said))
    assert first.said[:least] == second.said[:least]
    assert spoken(first, ("a0", "a1", "b0", "b1"))[:5] == ["a0", "a1", "b0", "b1", "a0"]


def test_customers_start_as_far_from_each_other_as_the_scenarios_allow() -> None:
    plan = queues([scenario(name) for name in "abcdefghij"], (1, 4))
    assert {load: [queue[0].id for queue in each] for load, each in plan.items()} == {1: ["a"], 4: ["c", "e", "g", "i"]}
    assert all(len(queue) == 10 for each in plan.values() for queue in each)


def test_a_warm_up_asks_every_role_and_ends_where_a_role_is_never_asked() -> None:
    clock = Clock()  # nothing that it says can be read, so that the first agent alone is ever asked
    system = System(load_domain("automotive"), clock, halstead_threshold=20, max_tokens=8)
    asyncio.run(warm(system, [[scenario("a")], [scenario("b")]]))
    assert len(clock.said) == 6
    heard: list[str] = []

    class Whole:
        """M whose turns ask every role, one more each turn."""

        def open(self, _: Scenario) -> "Whole":
            return self

        async def turn(self, line: str) -> Turn:
            heard.append(line)
            return Turn(line, traces=[cast(Trace, SimpleNamespace(role=role)) for role in ROLES[: len(heard)]])

    asyncio.run(warm(cast(System, Whole()), [[scenario("a", 10)]]))
    assert len(heard) == len(ROLES), "it goes on until the last role is asked, and no longer"


def test_a_loop_has_few_distinct_4grams_and_another_answer_does_not_count() -> None:
    assert distinct_percent(["a b c d e", "a b c d e"]) == 100
    assert distinct_percent(["so " * 12]) == pytest.approx(100 / 9)
    assert distinct_percent(["short"]) is None


def usage(answers: float, passes: float, accepted: float, written: float) -> Usage:
    return Usage(
        prompt_tokens=0, output_tokens=written, answers=answers, passes=passes, drafts=passes, proposed=8 * passes,
        accepted=accepted, steps=0, read_tokens=0,
    )  # fmt: skip


def answered(answers: int, tokens: int) -> Load:
    turn = Turn("?", traces=[Trace(ExecutorInput(Plan()), [], "", 0, tokens // answers) for _ in range(answers)])
    return Load((TimedTurn(0.0, 1.0, turn),), 0.0, 1.0)


def test_tokens_per_step_counts_tokens_that_were_written() -> None:
    """10 answers of 16 tokens: 10 first ones, and 30 passes that gave 30 + 132 tokens, 12 of them behind an end."""
    found = usage(answers=10, passes=30, accepted=132, written=160)
    assert found.tokens_per_step == 5.0
    assert found.answers + found.passes * found.tokens_per_step == 160
    assert found.cut_off == 12
    add_up("student", answered(10, 160), found)


@pytest.mark.parametrize(
    "wrong",
    [
        usage(answers=10, passes=30, accepted=132, written=170),  # more than its clients saw
        usage(answers=11, passes=30, accepted=132, written=160),  # an answer that no client has
        usage(answers=10, passes=30, accepted=100, written=160),  # more tokens than passes gave
        usage(answers=10, passes=160, accepted=0, written=160),  # a pass without a token
    ],
)
def test_a_benchmark_whose_passes_and_tokens_do_not_add_up_ends_in_an_error(wrong: Usage) -> None:
    with pytest.raises(EngineError, match=r"student\+drafter: .* tokens"):
        add_up("student+drafter", answered(10, 160), wrong)


@pytest.mark.parametrize(("resident", "started"), [(True, ["student", "x", "y"]), (False, ["x", "y", "student"])])
def test_every_rungs_engine_starts_once_however_often_it_is_measured(resident: bool, started: list[str]) -> None:
    """All rounds and loads of a rung, and then the answers that are compared, the student's again at the very end."""
    log: list[str] = []
    up: set[str] = set()

    @contextmanager
    def start(configuration: Configuration) -> Iterator[Engine]:
        log.append(configuration.name)
        up.add(configuration.name)
        yield Engine(configuration.name, "", 0.0, Path("log"), cpu_capabilities(""))
        up.remove(configuration.name)

    student, *others = (Configuration(Rung(name), Path(name)) for name in ("student", "x", "y"))
    warmed: list[str] = []
    with Engines(start, lambda one, _: warmed.append(one.name), resident=resident) as engines:
        for together in engines.visits([student, *others]):
            for one in (*together, *together, *together):
                with engines.use(one) as engine:
                    assert engine.url == one.name
                    assert resident or up == {one.name}
        with engines.use(student):
            pass
    assert log == warmed == started
    assert not up


def test_the_quantised_target_goes_with_the_drafter_that_was_quantised_for_it() -> None:
    rungs = configurations((STUDENT, DRAFTER, FP8, DRAFTER_FP8), *MODELS)
    assert [rung.name for rung in rungs] == ["student", "student+drafter", "student+fp8", "student+drafter+fp8"]
    assert [(rung.model.name, rung.drafter and rung.drafter.name) for rung in rungs] == [
        ("t", None),
        ("t", "d"),
        ("q", None),
        ("q", "e"),
    ]


def test_the_lowest_rung_alone_is_not_optimised_and_is_measured_where_it_is_asked_for() -> None:
    settings = load_preset("demo").benchmark
    asked = BenchmarkSettings.model_validate(settings.model_dump() | {"unoptimised": True})
    lowest, *others = configurations(ladder(asked), *MODELS)
    assert (lowest.name, lowest.rung.optimised, lowest.model, lowest.drafter) == ("unoptimised", False, Path("t"), None)
    assert others == list(configurations(ladder(settings), *MODELS))
    assert all(one.rung.optimised for one in others)


def test_only_one_module_knows_the_rungs_names() -> None:
    """A name in a string of the code is a second list, or a decision by substring."""
    known = {rung.name for rung in RUNGS if rung != STUDENT}
    source = Path(temper.__file__).parent
    texts = {
        f"{path.name}: {node.value}"
        for path in source.rglob("*.py")
        if path.name != "rungs.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in known
    }
    assert not texts


@pytest.mark.parametrize(("drafter", "memory", "arithmetic"), [(10.0, 70.0, 11.0), (0.0, 50.0, 10.0)])
def test_shares_are_of_what_was_read_and_computed(drafter: float, memory: float, arithmetic: float) -> None:
    drafts = 5.0 if drafter else 0.0
    proposed = {"drafts": drafts, "proposed": 4 * drafts, "accepted": 3 * drafts}
    usage = Usage(prompt_tokens=90, output_tokens=20, answers=0, passes=drafts, **proposed, steps=5, read_tokens=30)
    served = Served(weights=100, drafter=drafter, flops_each=2)
    found = served.shares(usage, 1.0, Hardware(bytes_per_s=1000, flops=1000))
    assert found == pytest.approx({"memory_percent": memory, "arithmetic_percent": arithmetic})


def test_a_step_drafts_for_all_its_requests_at_once() -> None:
    served = Served(weights=100, drafter=10, flops_each=2)
    at_four = Usage(
        prompt_tokens=0,
        output_tokens=80,
        answers=0,
        passes=20,
        drafts=20,
        proposed=80,
        accepted=60,
        steps=5,
        read_tokens=0,
    )
    assert served.shares(at_four, 1.0, Hardware(1000, 1000))["memory_percent"] == pytest.approx(70)


def test_a_step_reads_the_weights_as_the_engine_holds_them(tmp_path: Path) -> None:
    shape = {"hidden_size": 4, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape |= {"num_key_value_heads": 1, "vocab_size": 16, "tie_word_embeddings": True}
    (tmp_path / "config.json").write_text(json.dumps({**shape, "dtype": "float32"}), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"0" * 1000)
    read = {dtype: Served.of(tmp_path, tmp_path, dtype) for dtype in ("float32", "bfloat16")}
    assert [(one.weights, one.drafter) for one in read.values()] == [(1000, 1000), (500, 500)]
    quantised = {**shape, "dtype": "float32", "quantization_config": {"format": "float-quantized"}}
    (tmp_path / "config.json").write_text(json.dumps(quantised), encoding="utf-8")
    assert Served.of(tmp_path, None, "bfloat16").weights == 1000


def test_different_answers_are_listed_with_both_texts() -> None:
    rows = [replace(point("planner", "a"), id="1"), replace(point("executor", "b"), id="2")]
    found = compare(rows, ["a", "b"], ["a", "B"])
    assert (found.same, found.n) == (1, 2)
    assert found.differences == [Difference(id="2", role="executor", plain="b", drafted="B")]


def test_a_difference_has_the_margin_of_the_token_where_the_answers_part() -> None:
    margins = [("a =", 9.0), (" book", 0.001), ("(1)", 5.0)]
    assert margin_at(margins, "a = book(1)", "a = cancel(1)") == 0.001
    assert margin_at(margins, "a = book(1)", "a = book(2)") == 5.0
    assert margin_at(margins, "a = book(1)", "a = book(1) and more") is None


def test_samples_of_one_distribution_pass_and_a_biased_one_does_not() -> None:
    drawn = random.Random(0)
    even, uneven = (4, 3, 2, 1), (5, 3, 2, 0)
    plain, same, biased = ([drawn.choices("abcd", of, k=64) for _ in range(10)] for of in (even, even, uneven))
    assert compare_draws(plain, same).p_value > 0.05
    assert compare_draws(plain, biased).p_value < 0.001
    alike = compare_draws([["a"] * 4], [["a"] * 4])
    assert (alike.p_value, alike.prompts, alike.samples, alike.texts) == (1.0, 1, 4, 1)


def test_what_was_not_asked_for_is_no_figure() -> None:
    assert metrics(Equivalence(same=3, n=4)) == {"equivalence.same_percent": 75.0}
    drawn = Drawn(p_value=0.4, prompts=1, samples=4, texts=2)
    found = metrics(Equivalence(same=3, n=4, structured=Same(same=2, n=2), sampled=drawn))
    assert found["equivalence.structured_same_percent"] == 100
    assert found["equivalence.sampled_p_value"] == 0.4


def test_prompts_are_taken_at_equal_distances_and_never_more_than_there_are() -> None:
    rows = list(range(10))
    assert spread(rows, 5) == [0, 2, 4, 6, 8]
    assert spread(rows, 99) == rows


def test_percentile_is_linear_between_neighbours() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert percentile([7.0], 0.9) == 7.0


def test_a_multiple_stands_a_round_beside_the_same_round() -> None:
    slow, fast = [1.0, 4.0, 2.0], [2.0, 4.0, 5.0]
    assert multiples(fast, slow) == [2.0, 1.0, 2.5]
    with pytest.raises(ValueError, match="shorter"):
        multiples(fast, slow[:2])
