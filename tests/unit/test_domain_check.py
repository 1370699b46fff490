"""A domain of one's own: found by its folder, checked promise by promise, and part of the cache key by its code."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import temper
from temper.cli import main
from temper.config import load_preset, override
from temper.domains import BUILT_IN, load_domain
from temper.domains.automotive import Automotive
from temper.domains.automotive.world import World
from temper.domains.base import Call, Line, Rule, Understanding
from temper.registry.bundle import domain_digest
from temper.synthesis.domain_check import problems

EXAMPLE = Path(__file__).parents[2] / "docs" / "how-to" / "library"
LIKE_THE_BUILT_IN = "from temper.domains.automotive import DOMAIN\n"


@pytest.mark.parametrize("name", [*BUILT_IN, str(EXAMPLE)])
def test_what_we_show_keeps_every_promise(name: str):
    assert list(problems(load_domain(name))) == []


def test_nothing_of_the_library_names_a_domain():
    library = Path(temper.__file__).parent
    naming = [
        path
        for path in library.rglob("*.py")
        if "domains" not in path.parts and any(name in path.read_text(encoding="utf-8") for name in BUILT_IN)
    ]
    assert sorted(path.name for path in naming) == ["main.py", "stages.py"], "as examples, in help and descriptions"


class Forgetful(Automotive):
    def plan(self, understanding: Understanding) -> list[Call]:
        return [
            (name, {key: value for key, value in given.items() if key != "day"})
            for name, given in super().plan(understanding)
        ]


class Restless(Automotive):
    def world(self, seed: int, split: str) -> World:
        return super().world(random.randrange(10**6), split)


class Leaking(Automotive):
    def task(self, rng: random.Random, world: Any, intent: str, split: str, *more: Any) -> list[Line]:
        return super().task(rng, world, intent, "train", *more)


class Tactless(Automotive):
    def ask(self, field: str) -> tuple[str, tuple[str, ...]]:
        return "Could you tell me more?", (field,)


class Lawless(Automotive):
    rules = Automotive.rules | {"full_moon": Rule("full_moon", "moon not full", ("book_service",))}

    def refusal(self, rule: str) -> tuple[str, tuple[str, ...]]:
        return ("Sorry, the moon is full.", ()) if rule == "full_moon" else super().refusal(rule)


class Breaking(Automotive):
    def ask(self, field: str) -> tuple[str, tuple[str, ...]]:
        raise KeyError(field)


class Mumbling(Automotive):
    def reply(self, outcomes: Sequence[Any], names: Sequence[str]) -> str:
        return "Done."


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        (Forgetful(), "plan('check_slots'): check_slots: day: missing"),
        (Restless(), "draw everything from random.Random(seed)"),
        (Leaking(), "a wording is in both splits"),
        (Tactless(), "ask('body'): the text does not hold its own facts"),
        (Lawless(), "rule full_moon: nobody ran into it"),
        (Breaking(), "raised KeyError"),
        (Mumbling(), "reply(...) does not hold the facts of its outcomes: 'Done.'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Automotive) else "",
)
def test_a_broken_promise_is_named(domain: Automotive, says: str):
    assert any(says in line for line in problems(domain)), list(problems(domain))


def own(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "__init__.py").write_text(text)
    return folder


def test_the_command_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["domain", "check", "automotive"]) == 0
    assert "keeps every promise" in capsys.readouterr().out
    assert main(["domain", "check", str(own(tmp_path / "empty_one", "DOMAIN = object()\n"))]) == 2
    said = capsys.readouterr().out
    assert "DOMAIN has no `tools`" in said
    assert "DOMAIN has no `state_digest`" not in said, "that is the world's"


@pytest.mark.parametrize(
    ("text", "why"),
    [("1 / 0\n", "cannot be imported: ZeroDivisionError"), ("", "provides no DOMAIN"), (None, "no domain")],
)
def test_what_cannot_be_loaded_is_one_line(
    text: str | None, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / f"broken_{len(text or 'none')}"
    if text is not None:
        own(folder, text)
    assert main(["domain", "check", str(folder)]) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


def test_its_code_and_nothing_beside_it_moves_the_digest(tmp_path: Path):
    folder = own(tmp_path / "mine", LIKE_THE_BUILT_IN)
    before = domain_digest(str(folder))
    assert before != domain_digest("automotive")
    (folder / "notes.txt").write_text("x")
    assert domain_digest(str(folder)) == before
    (folder / "words.py").write_text("HELLO = 1\n")
    assert domain_digest(str(folder)) != before


def test_a_preset_names_the_folder_from_wherever_it_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own(tmp_path / "mine", LIKE_THE_BUILT_IN)
    smoke = load_preset("smoke")
    monkeypatch.chdir(tmp_path)
    config = override(smoke, ["synthesize.domain=mine"])
    assert config.synthesize.domain == str(tmp_path / "mine")
    assert load_domain(config.synthesize.domain) is load_domain("automotive")
