"""The closed loop, the schedule, medians and marks of the ladder, and what counts as the same answer."""

import ast
import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import temper
from temper.agents.client import Answer, Request
from temper.agents.runtime import System
from temper.bench.equivalence import compare, compare_draws, margin_at, metrics
from temper.bench.ladder import Configuration, Engines, configurations
from temper.bench.load import Load, drive, schedule
from temper.bench.prompts import spread
from temper.capacity.bound import Hardware, Served
from temper.config import load_preset
from temper.config.rungs import DRAFTER, DRAFTER_FP8, FP8, RUNGS, STUDENT, Rung, ladder
from temper.config.stages import BenchmarkSettings
from temper.domains import load_domain
from temper.domains.scenario import Scenario
from temper.engine import Usage
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


def played(clock: Clock, queues: list[list[Scenario]], turns: int) -> Any:
    system = System(load_domain("automotive"), clock, halstead_threshold=20, max_tokens=8)
    return asyncio.run(drive(system, queues, turns))


def test_a_closed_loop_keeps_its_concurrency_and_counts_whole_turns() -> None:
    clock = Clock()
    load = played(clock, [[scenario("a")], [scenario("b")]], turns=3)
    assert (load.turns, load.calls, load.output_tokens, clock.most) == (6, 6, 30, 2)
    assert load.qps == pytest.approx(6 / load.wall_s)
    assert 0.01 <= load.seconds[0] <= load.p90_s <= load.wall_s


def test_every_run_says_the_same_lines_and_goes_on_with_the_next_scenario() -> None:
    first, second = Clock(), Clock()
    for clock in (first, second):
        played(clock, [[scenario("a", 2), scenario("b", 2)]], turns=5)
    assert first.said == second.said
    spoken = [next(n for n in ("a0", "a1", "b0", "b1") if n in text) for text in first.said]
    assert spoken == ["a0", "a1", "b0", "b1", "a0"]


def test_the_schedule_hands_out_other_scenarios_before_any_comes_again() -> None:
    plan = schedule([scenario(name) for name in "abcdefghij"], (1, 4), rounds=2)
    starts = [queue[0].id for queues in plan.values() for queue in queues]
    assert starts == list("abcdefghij")
    assert [len(queues) for queues in plan.values()] == [1, 4, 1, 4]


@pytest.mark.parametrize(("resident", "started"), [(True, ["x", "y"]), (False, ["x", "y", "x"])])
def test_resident_engines_start_once_and_others_at_each_use_one_at_a_time(resident: bool, started: list[str]) -> None:
    log: list[str] = []
    up: set[str] = set()

    @contextmanager
    def start(configuration: Configuration) -> Iterator[str]:
        log.append(configuration.name)
        up.add(configuration.name)
        yield configuration.name
        up.remove(configuration.name)

    rungs = [Configuration(Rung(name), Path(name)) for name in "xy"]
    warmed: list[Any] = []
    with Engines(start, resident=resident) as engines:
        for rung in (rungs[0], rungs[1], rungs[0]):
            with engines.use(rung, warmed.append) as engine:
                assert engine == rung.name
                assert resident or up == {rung.name}
    assert log == warmed == started
    assert not up


def test_the_ladder_has_four_rungs_and_the_plain_student_first() -> None:
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
    usage = Usage(prompt_tokens=90, output_tokens=20, **proposed, steps=5, read_tokens=30)
    served = Served(weights=100, drafter=drafter, flops_each=2)
    found = served.shares(usage, 1.0, Hardware(bytes_per_s=1000, flops=1000))
    assert found == pytest.approx({"memory_percent": memory, "arithmetic_percent": arithmetic})


def test_a_step_drafts_for_all_its_requests_at_once() -> None:
    served = Served(weights=100, drafter=10, flops_each=2)
    at_four = Usage(prompt_tokens=0, output_tokens=80, drafts=20, proposed=80, accepted=60, steps=5, read_tokens=0)
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


def test_goodput_counts_the_turns_in_time() -> None:
    load = Load(turns=4, wall_s=2.0, seconds=(0.5, 1.0, 1.5, 9.0), calls=16, output_tokens=80)
    assert load.goodput(1.0) == 1.0
    assert load.goodput(10) == load.qps == 2.0


def test_different_answers_are_listed_with_both_texts() -> None:
    rows = [replace(point("planner", "a"), id="1"), replace(point("executor", "b"), id="2")]
    found = compare(rows, ["a", "b"], ["a", "B"])
    assert (found["same"], found["n"]) == (1, 2)
    assert found["differences"] == [{"id": "2", "role": "executor", "plain": "b", "drafted": "B"}]


def test_a_difference_has_the_margin_of_the_token_where_the_answers_part() -> None:
    margins = [("a =", 9.0), (" book", 0.001), ("(1)", 5.0)]
    assert margin_at(margins, "a = book(1)", "a = cancel(1)") == 0.001
    assert margin_at(margins, "a = book(1)", "a = book(2)") == 5.0
    assert margin_at(margins, "a = book(1)", "a = book(1) and more") is None


def test_samples_of_one_distribution_pass_and_a_biased_one_does_not() -> None:
    drawn = random.Random(0)
    even, uneven = (4, 3, 2, 1), (5, 3, 2, 0)
    plain, same, biased = ([drawn.choices("abcd", of, k=64) for _ in range(10)] for of in (even, even, uneven))
    assert compare_draws(plain, same)["p_value"] > 0.05
    assert compare_draws(plain, biased)["p_value"] < 0.001
    assert compare_draws([["a"] * 4], [["a"] * 4]) == {"p_value": 1.0, "prompts": 1, "samples": 4, "texts": 1}


def test_what_was_not_asked_for_is_no_figure() -> None:
    found = {"same": 3, "n": 4, "structured": None, "sampled": None}
    assert metrics(found) == {"equivalence.same_percent": 75.0}
    found |= {"structured": {"same": 2, "n": 2}, "sampled": {"p_value": 0.4}}
    assert metrics(found)["equivalence.structured_same_percent"] == 100
    assert metrics(found)["equivalence.sampled_p_value"] == 0.4


def test_prompts_are_taken_at_equal_distances_and_never_more_than_there_are() -> None:
    rows = list(range(10))
    assert spread(rows, 5) == [0, 2, 4, 6, 8]
    assert spread(rows, 99) == rows


def test_percentile_is_linear_between_neighbours() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert percentile([7.0], 0.9) == 7.0


def test_a_multiple_stands_a_round_beside_the_same_conversations() -> None:
    slow, fast = [{"qps": qps} for qps in (1.0, 4.0, 2.0)], [{"qps": qps} for qps in (2.0, 4.0, 5.0)]
    assert multiples(fast, slow) == [2.0, 1.0, 2.5]
    with pytest.raises(ValueError, match="shorter"):
        multiples(fast, slow[:2])
