"""The registry's promises: one version a bundle, moves that are whole, and a rollback that stays."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from temper.errors import MissingModelError, StoreError, TrackingError
from temper.registry.champions import Champions
from temper.registry.tracking import Tracker
from tests.unit.champion_case import Case, flip_a_bit

names = (f"model-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    home = tmp_path_factory.mktemp("home")  # one for all: making a database takes seconds
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPER_HOME", str(home))
        yield Tracker(f"sqlite:///{home / 'mlflow.db'}")


@pytest.fixture
def case(tracker: Tracker, tmp_path: Path) -> Case:
    return Case(tracker, tmp_path, next(names))


def test_a_bundle_is_one_version_and_the_champion_moves_forth_and_back(case: Case) -> None:
    assert [case.enter(weights).version for weights in "abc"] == ["1", "2", "3"]
    assert case.enter("b").version == "2"
    assert case.aliases == ("3", "2")
    assert (case.champions.rollback("").to, case.aliases) == ("2", ("2", "1"))
    assert (case.champions.rollback("").to, case.aliases) == ("1", ("1", None))
    with pytest.raises(MissingModelError, match="no version or alias 'previous'"):
        case.tracker.bundle(case.name, "previous")
    with pytest.raises(MissingModelError, match="no previous champion"):
        case.champions.rollback("")


def test_a_rollback_stays_whatever_is_run_again(case: Case) -> None:
    case.enter("good")
    case.enter("bad")
    case.champions.rollback("prices were wrong")
    again, measured_anew = case.enter("bad"), case.enter("bad", score=99)
    assert (again.version, measured_anew.version) == ("2", "3")
    for entry in (again, measured_anew):
        assert not entry.champion
        assert entry.why.startswith("the champion stays version 1: a person took its place")
        assert "rolled back from version 2 to version 1: prices were wrong" in entry.why
        assert f"`temper promote {case.name} {entry.version}` moves it" in entry.why
    assert "prices were wrong" in case.tracker.model(case.name).versions["2"].tags["demoted"]
    assert case.aliases == ("1", None)


def test_a_rollback_stays_when_what_was_rolled_back_is_deleted(case: Case) -> None:
    case.enter("good")
    case.enter("bad")
    case.champions.rollback("")
    case.tracker.drop_version(case.name, "2")
    assert (case.enter("bad").version, case.aliases) == ("3", ("1", None))


def test_a_rollback_by_hand_in_mlflow_stays_too(case: Case) -> None:
    case.enter("good")
    case.enter("bad")
    case.tracker.set_alias(case.name, "champion", "1")
    assert "moved back to version 1 by hand" in case.enter("bad").why
    assert case.aliases == ("1", None)


def test_a_better_candidate_or_a_person_moves_the_champion_after_a_rollback(case: Case) -> None:
    for weights in ("good", "bad"):
        case.enter(weights)
    case.champions.rollback("")
    assert case.enter("better").champion
    assert case.aliases == ("3", "1"), "nobody goes back to what was rolled back from"
    case.champions.promote("2", "the prices were right")
    assert case.aliases == ("2", "3")
    assert "demoted" not in case.tracker.model(case.name).versions["2"].tags
    assert not case.enter("better").champion, "a person's choice stays as well"


def test_an_older_preset_does_not_demote_a_newer_champion(case: Case) -> None:
    case.enter("old")
    case.enter("new")
    assert case.enter("new").why == "version 2 is the champion already"
    assert "version 2, the champion, serves the same" in case.enter("new", score=99).why
    entry = case.enter("old")
    assert not entry.champion and "was champion before" in entry.why and "has been replaced" in entry.why
    assert case.aliases == ("2", "1")


def test_a_refused_bundle_is_registered_and_no_champion(case: Case) -> None:
    assert case.enter("a", passed=False).why == "there is no champion: the gate refused version 1"
    assert case.aliases == (None, None)


def test_every_earlier_champion_stays_within_reach(case: Case) -> None:
    for weights in "abcd":
        case.enter(weights)
    case.champions.promote("2", "")
    for version in ("4", "3", "2"):
        case.champions.promote(version, "")
    assert [case.champions.rollback("").to for _ in "123"] == ["3", "4", "1"]


def test_a_deleted_champion_does_not_block_a_rollback(case: Case) -> None:
    for weights in "abc":
        case.enter(weights)
    case.tracker.drop_version(case.name, "3")
    move = case.champions.rollback("")
    assert (move.begun_at, move.to, case.aliases) == (None, "2", ("2", "1"))


def test_a_deleted_version_is_stepped_over(case: Case) -> None:
    for weights in "abc":
        case.enter(weights)
    case.tracker.drop_version(case.name, "2")
    assert (case.champions.rollback("").to, case.aliases) == ("1", ("1", None))


def test_previous_is_never_the_same_bundle_as_the_champion(case: Case) -> None:
    case.enter("old")
    case.enter("twice")
    tags = case.tracker.model(case.name).versions["2"].tags
    case.tracker.add_version(case.name, case.home / "parts", dict(tags), case.run_id)  # as two machines at once did
    case.champions.promote("3", "")
    assert case.aliases == ("3", "1")
    assert case.champions.rollback("").to == "1"


def test_a_version_without_tags_is_one_line(case: Case) -> None:
    case.enter("a")
    case.tracker.add_version(case.name, case.home / "parts", {}, case.run_id)
    with pytest.raises(MissingModelError, match=r"version 2 of model .* names no bundle"):
        case.champions.promote("2", "")
    assert case.enter("b").version == "3"


@pytest.mark.parametrize("part", ["student", "drafter", "student_fp8"])
def test_one_flipped_bit_is_neither_rolled_back_to_nor_promoted(case: Case, part: str) -> None:
    old, _ = case.bundle("old")
    case.enter("old")
    case.enter("new")
    flip_a_bit(Path(getattr(old, part).uri) / "model.safetensors")
    for move in (lambda: case.champions.rollback(""), lambda: case.champions.promote("1", "")):
        with pytest.raises(StoreError, match=rf"its {part} cannot be served: .*model\.safetensors is damaged"):
            move()
    assert case.aliases == ("2", "1")


def test_one_flipped_bit_is_not_registered(case: Case) -> None:
    candidate, ref = case.bundle("a")
    flip_a_bit(Path(candidate.student_fp8.uri) / "model.safetensors")
    with pytest.raises(StoreError, match=r"its student_fp8 cannot be served: .*or run again"):
        case.champions.enter(candidate, ref, candidate.verdict, case.run_id)
    assert case.tracker.model(case.name).versions == {}
    assert not case.store.whole(candidate.student_fp8), "the next run makes it anew"


class Dies(Tracker):
    """A tracking server that goes away before its n-th write."""

    left = 0

    def _write(self) -> None:
        if self.left == 0:
            raise TrackingError("gone")
        self.left -= 1

    def tag_model(self, name: str, **tags: str | None) -> None:
        self._write()
        super().tag_model(name, **tags)

    def tag_version(self, name: str, version: str, **tags: str | None) -> None:
        self._write()
        super().tag_version(name, version, **tags)

    def set_alias(self, name: str, alias: str, version: str | None) -> None:
        self._write()
        super().set_alias(name, alias, version)


def test_a_move_that_is_cut_anywhere_is_whole_after_the_next_try(case: Case) -> None:
    dying = Dies(case.tracker.uri)
    cut = Champions(dying, case.name, case.store)
    for weights in "abc":
        case.enter(weights)
    for writes in itertools.count():
        assert case.aliases == ("3", "2")
        dying.left = writes
        try:
            cut.rollback("cut")
            assert dying.left >= 0
        except TrackingError:
            champion, previous = case.aliases
            assert champion in {"3", "2"} and previous != champion, f"after {writes} writes"
        else:
            break
        assert case.champions.rollback("cut").to == "2", f"one step back in all, after {writes} writes"
        assert case.aliases == ("2", "1")
        case.champions.promote("3", "")
    assert writes > 4


def test_equal_bundles_of_two_stores_are_one(case: Case, tmp_path: Path) -> None:
    other = Case(case.tracker, tmp_path / "other", case.name)
    assert case.bundle("a")[1].digest == other.bundle("a")[1].digest


def test_a_candidate_that_was_compared_with_another_champion_is_not_promoted(case: Case) -> None:
    case.enter("first")
    case.enter("second", beside="1")
    late = case.enter("third", beside="1")
    assert (late.champion, case.aliases[0]) == (False, "2")
    assert "was compared with version 1" in late.why
