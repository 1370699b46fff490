"""The report: what it says is what the stages published, and the page stands alone."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from temper.artifacts.refs import BundleRef, StageResult
from temper.artifacts.store import Store
from temper.config import load_preset
from temper.config.gate import GateRule
from temper.errors import DataError, TemperError
from temper.evaluation.scores import Scores
from temper.registry.bundle import Registered
from temper.registry.gates import judge
from temper.report import RunReport, build, gate_inputs, show, silent_metrics, text
from temper.report.figures import agent_scores, evaluations
from temper.report.floors import line
from temper.report.lineage import draw
from temper.report.page import multiple
from temper.report.schema import Floors
from temper.report.view import find
from tests.unit import report_run

RULES = (
    GateRule(metric="agent_scores.dpo.planner", kind="least", value=90),
    GateRule(metric="ladder.student+fp8.c1.qps", kind="least", value=0.001),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def results(store: Store, tmp_path_factory: pytest.TempPathFactory) -> list[StageResult]:
    return report_run.publish(store, tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def folder(store: Store, results: list[StageResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's report folder, `<home>/runs/<id>`."""
    metrics, points = gate_inputs(results, store)
    verdict = judge(metrics, points, RULES, silent_metrics(results, store))
    bundle = Registered(
        name="automotive-demo",
        version="3",
        champion=True,
        why="",
        ref=BundleRef(uri="", digest=""),
        digests={"student": "sha256:" + "ab" * 32},
    )
    out = tmp_path_factory.mktemp("home") / "runs" / report_run.RUN
    build(load_preset("demo"), results, verdict, bundle, report_run.RUN, store, out)
    return out


@pytest.fixture(scope="module")
def report(folder: Path) -> RunReport:
    return RunReport.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))


class _Outside(HTMLParser):
    """Finds what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        links = {"src", "href", "xlink:href", "action"}
        self.found += [value for name, value in attributes if name in links and value and not value.startswith("#")]


def test_page_stands_alone(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    outside = _Outside()
    outside.feed(page)
    assert not outside.found
    assert "script" not in outside.tags
    assert not re.search(r"@import|url\((?!#)", page)


def test_what_a_model_wrote_is_shown_and_never_markup(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Is the blue one &amp; the red one in?&lt;/b&gt;" in page
    assert "<b>Is the blue one" not in page


def test_failures_of_the_last_models_are_listed(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "nothing useful from final" in page
    assert "a = why()" in page
    assert "0.0004" in page
    assert "nothing useful from dpo" in page
    assert "nothing useful from sft" not in page


def test_page_says_how_often_checks_stepped_in(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert re.search(r"refusal sent back</td>\s*<td>3</td>", page)


def test_plots_are_pictures_too(folder: Path) -> None:
    plots = sorted(path.name for path in (folder / "plots").iterdir())
    assert plots == [
        "acceptance.png", "agent_scores.png", "calibration.png", "draft_accuracy.png", "ladder.png", "losses.png"
    ]  # fmt: skip
    assert all((folder / "plots" / name).read_bytes().startswith(b"\x89PNG") for name in plots)


def test_json_says_what_was_published(report: RunReport) -> None:
    assert report.schema_version == 2
    assert report.run_id == report_run.RUN
    assert report.agent_scores["sft"]["understander"].score == 88.0
    assert report.agent_scores["sft"]["understander"].low < 88.0 < report.agent_scores["sft"]["understander"].high
    assert report.agent_scores["dpo"]["planner"].slices["replan"].n == 20
    assert report.e2e.keys() == {"dpo", "final"}, "floors stand apart, and who played nothing is left out"
    assert (report.e2e["dpo"].passed, report.e2e["dpo"].n) == (16, 20)
    assert report.e2e["dpo"].low < 80 < report.e2e["dpo"].high
    assert report.wall_s["benchmark"] == 410
    assert report.cached["sft"] is True
    assert report.cached["dpo"] is False


def test_a_line_says_how_much_of_the_scenarios_is_the_models(folder: Path, report: RunReport) -> None:
    said = line(report)
    assert "90 % (18 of 20) pass with the model (final)" in said
    assert "no language model passes 75 % (15 of 20): 15 points are the model's own" in said
    assert "without M's repairs passes 60 % (12 of 20): 30 points are the repairs'" in said
    assert report.floors.base is not None
    assert report.floors.base.e2e is None
    shown = " ".join(text(report).split())
    page = " ".join(html.unescape((folder / "report.html").read_text(encoding="utf-8")).split())
    assert said in shown
    assert said in page
    assert line(report.model_copy(update={"floors": Floors()})) == ""


def test_speedup_stands_beside_the_plain_student_and_only_where_comparable(report: RunReport) -> None:
    rows = {(row.configuration, row.concurrency): row for row in report.ladder}
    assert rows["student+drafter", 4].speedup == pytest.approx(2.0)
    assert rows["student+drafter+fp8", 1].speedup is None
    assert rows["student+drafter", 4].gain == pytest.approx(4.0)
    assert rows["student+drafter+fp8", 1].reason


def test_a_multiple_is_shown_with_its_rounds_where_a_report_has_them(report: RunReport) -> None:
    row = next(row for row in report.ladder if row.speedup)
    told = [row.model_copy(update={"speedup": 2.0, "speedup_rounds": rounds}) for rounds in ([], [2.0, 1.5, 2.5])]
    assert [multiple(one) for one in told] == ["2.00", "2.00 (1.50 to 2.50)"]


def test_resolved_configuration_runs_again(report: RunReport) -> None:
    assert type(load_preset("demo")).model_validate(report.config) == load_preset("demo")


def test_gate_figures_have_the_names_that_presets_use(store: Store, results: list[StageResult]) -> None:
    metrics, points = gate_inputs(results, store)
    asked = {rule.metric for rule in load_preset("demo").gate.rules}
    assert {name for name in asked if "*" not in name} <= metrics.keys()
    assert "slices.final.planner.replan" in points
    assert metrics["e2e.dpo"] == 80.0
    assert (metrics["floors.rules.planner"], metrics["floors.rules.e2e"]) == (60.5, 75.0)
    assert metrics["floors.unaided.planner"] == metrics["agent_scores.final.planner"]
    assert (metrics["floors.unaided.e2e"], metrics["e2e.final"]) == (60.0, 90.0)
    assert metrics["floors.base.planner"] == metrics["agent_scores.base.planner"]
    assert "floors.base.e2e" not in metrics
    assert metrics["equivalence.same_percent"] == 97.5
    assert points["agent_scores.sft.planner"] == {"planner-0": 1.0, "planner-1": 0.0}


def test_emulated_speed_is_never_judged(store: Store, results: list[StageResult], report: RunReport) -> None:
    metrics, _ = gate_inputs(results, store)
    assert "ladder.student+fp8.c1.qps" not in metrics
    assert metrics["ladder.student+drafter+fp8.c1.tokens_per_step"] == 3.5, "does not depend on the hardware"
    assert report.gate is not None
    assert [rule.passed for rule in report.gate.rules] == [True, False]
    assert "no FP8 units" in report.gate.rules[1].reason


def test_lineage_follows_digests(report: RunReport) -> None:
    nodes = {node.stage: node for node in report.lineage}
    assert nodes["dpo"].inputs["parent"] == nodes["sft"].artifacts["model"]
    assert nodes["draft"].inputs["data"] == nodes["answers"].artifacts["data"]
    columns = {box.node.stage: box.x for box in draw(report.lineage, report.cached).boxes}
    assert columns["base"] < columns["expand"] < columns["cpt"] < columns["sft"] < columns["dpo"] < columns["draft"]
    assert columns["answers"] == columns["fp8"], "both need the student alone"


def test_terminal_shows_scores_ladder_and_verdict(report: RunReport, folder: Path) -> None:
    said = text(report, folder)
    assert re.search(r"planner +96\.5 +2\.5 +4\.5 +88\.5 +94\.5 +92\.5", said)
    assert re.search(r"student\+drafter +1 +0\.420 +2\.00 +4\.00", said)
    assert re.search(r"student\+fp8 .*emulated", said)
    assert "gate: FAILED" in said
    assert str(folder / "report.html") in said


def test_a_run_up_to_validate_says_how_many_rows_and_distinct_rows_it_made(
    store: Store, results: list[StageResult], tmp_path: Path
) -> None:
    made = build(load_preset("demo"), results[:3], None, None, report_run.RUN, store, tmp_path)
    said = text(RunReport.model_validate(made))
    assert re.search(r"sft +3,400 +3,180", said)
    assert "held out: 500 points" in said
    assert "<td>3,180</td>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_run_that_ended_early_has_a_report_too(store: Store, results: list[StageResult], tmp_path: Path) -> None:
    made = build(load_preset("demo"), results[:5], None, None, report_run.RUN, store, tmp_path)
    assert made["gate"] is None
    assert made["ladder"] == []
    assert "cpt" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "gate" not in text(RunReport.model_validate(made))


def test_show_finds_the_latest_and_prints_json(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(folder.parents[1]))
    assert show("latest", True) == 0
    assert json.loads(capsys.readouterr().out)["run_id"] == report_run.RUN
    assert find("20260101") == folder


def test_show_says_what_to_do_when_there_is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPER_HOME", str(tmp_path))
    with pytest.raises(TemperError, match="temper run") as error:
        show("latest", False)
    assert error.type is DataError


def test_an_interval_knows_which_points_share_a_wording() -> None:
    def scores(wordings: int) -> dict[str, Scores]:
        points = [
            {
                "id": f"p{n}",
                "role": "planner",
                "slice": "plain",
                "groups": [f"w{n % wordings}", f"c{n}"],
                "correct": n % 10 > 0,
            }
            for n in range(200)
        ]
        planner = {"score": 90.0, "n": 200, "slices": {}}
        return {"dpo": Scores.model_validate({"stage": "dpo", "agent_scores": {"planner": planner}, "points": points})}

    apart, together = (agent_scores(scores(wordings))["dpo"]["planner"] for wordings in (200, 20))
    assert (apart.low, apart.high) == pytest.approx((85.1, 93.4), abs=0.1)
    assert together.high - together.low > 2 * (apart.high - apart.low), "two wordings of twenty are always wrong"


def test_the_champion_is_judged_and_is_no_figure_of_this_run(store: Store, results: list[StageResult]) -> None:
    final = next(result for result in results if result.stage == "evaluate:final")
    champion = StageResult.model_validate(final.model_dump() | {"stage": "evaluate:champion"})
    metrics, points = gate_inputs([*results, champion], store)
    assert metrics["agent_scores.champion.planner"] == metrics["agent_scores.final.planner"]
    assert points["e2e.champion"] == points["e2e.final"]
    assert "champion" not in agent_scores(evaluations([*results, champion], store))
