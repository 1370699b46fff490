"""Flows that start from a registered bundle."""

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.flows.conftest import World

pytestmark = pytest.mark.timeout(1800)
NAME = "registry.name=again"


@pytest.fixture(scope="module")
def champion(world: "World") -> "World":
    """A world with a champion of a name of its own."""
    assert world.run(NAME, "synthesize.seed=31").report["bundle"]["version"] == "1"
    return world


def test_benchmark_measures_again_whatever_is_cached(champion: "World") -> None:
    for _ in range(2):
        run = champion.run(NAME, "synthesize.seed=31", flow="benchmark.benchmark")
        assert (run.code, run.computed) == (0, ["benchmark"]), run.said


def test_accelerate_keeps_the_weights_and_makes_the_rest_again(champion: "World") -> None:
    run = champion.run(NAME, "synthesize.seed=31", "draft.epochs=2", flow="acceleration.accelerate")
    assert run.code == 0, run.said
    assert sorted(run.computed) == ["benchmark", "draft", "evaluate:final", "evaluate:unaided", "fp8:drafter"]
    assert run.report["bundle"]["version"] == "2"


def test_promote_moves_the_champion_back(champion: "World") -> None:
    from tests.flows.conftest import ROOT

    code = "from flows.promote import promote; print('champion', promote('again'))"
    env = {"PATH": "", **champion.env}
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "champion 1" in ended.stdout


def test_an_unknown_model_is_one_line(champion: "World") -> None:
    run = champion.run("registry.name=nobody", flow="benchmark.benchmark")
    assert run.code == 9
    assert "model 'nobody' has no version or alias 'champion'" in run.said
