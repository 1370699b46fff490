"""Changed prompts: the right answer to the new prompt is right, the answer of training is not."""

import json

import pytest

from temper.domains import load_domain
from temper.evaluation.changes import ADDED_RULE, CHANGES, FIELDS, changed, score_changed
from temper.evaluation.scores import ChangedScore
from temper.rows import Point, load
from tests.unit.test_synthesis import make

DOMAIN = load_domain("automotive")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[Point]:
    folder = tmp_path_factory.mktemp("sets")
    make(folder, points_per_role=40)
    return load(folder / "evaluation" / "points.jsonl", Point)


@pytest.fixture(scope="module")
def points(plain: list[Point]) -> list[Point]:
    return changed(plain, DOMAIN, 50)


def _right(point: Point) -> str:
    """What a model would write that reads the changed prompt."""
    text = point.expected
    if point.change == "tools_renamed":
        for name in DOMAIN.tools:
            new = "_".join(reversed(name.split("_")))
            text = text.replace(f"{name}(", f"{new}(").replace(f'"{name}"', f'"{new}"')
    if point.change == "fields_reordered":
        value = json.loads(text)
        text = json.dumps({name: value[name] for name in FIELDS[1].split(", ")})
    return text


def _score(points: list[Point], answers: list[str]) -> dict[str, dict[str, ChangedScore]]:
    before = {point.id.rpartition(" ")[0]: True for point in points}
    return score_changed(DOMAIN, points, answers, before)[0]


def test_every_change_finds_points_and_shows_in_their_prompts(plain: list[Point], points: list[Point]) -> None:
    assert {point.change for point in points} == set(CHANGES)
    before = {point.id: point.prompt for point in plain}
    assert all(point.prompt != before[point.id.rpartition(" ")[0]] for point in points)


def test_who_reads_the_changed_prompt_is_right(points: list[Point]) -> None:
    scores = _score(points, [_right(point) for point in points])
    assert {score.score for roles in scores.values() for score in roles.values()} == {100.0}
    assert all(score.unchanged == 100.0 for roles in scores.values() for score in roles.values())


def test_who_answers_as_before_is_wrong_where_the_answer_has_to_change(points: list[Point]) -> None:
    renamed = [p for p in points if p.change == "tools_renamed" and p.role in ("planner", "executor")]
    reordered = [p for p in points if p.change == "fields_reordered"]
    scores = _score([*renamed, *reordered], [point.expected for point in [*renamed, *reordered]])
    assert {score.score for roles in scores.values() for score in roles.values()} == {0.0}


def test_the_added_rule_is_broken_by_some_plans_and_kept_by_others(points: list[Point]) -> None:
    ruled = [point for point in points if point.change == "rule_added"]
    assert {ADDED_RULE in point.expected and not point.expected.endswith("ok") for point in ruled} == {
        True,
        False,
    }
    broken = [point for point in ruled if point.expected.endswith(" broken")]
    ignored = [", ".join(p.expected.split(", ")[:-1]) or "safe" for p in broken]
    assert _score(broken, ignored)["rule_added"]["evaluator"].score == 0.0
    assert all(ADDED_RULE in point.prompt[-1]["content"] for point in ruled)


def test_a_malformed_answer_is_wrong_and_no_error(points: list[Point]) -> None:
    scores = _score(points, ["[1, 2" for _ in points])
    assert {score.score for roles in scores.values() for score in roles.values()} == {0.0}
