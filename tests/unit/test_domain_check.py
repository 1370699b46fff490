"""A domain of one's own: found by its folder, checked promise by promise, and part of the cache key by its code."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import create_model

import temper
from temper.cli import main
from temper.config import load_preset, override
from temper.domains import BUILT_IN, load_domain
from temper.domains.automotive import Automotive
from temper.domains.automotive.world import World
from temper.domains.base import Arguments, Call, Domain, Line, Rule, Tool, Understanding
from temper.registry.bundle import domain_digest
from temper.synthesis import domain_shape as shape
from temper.synthesis.customer import Traffic
from temper.synthesis.domain_check import problems
from temper.synthesis.simulator import play

EXAMPLE = Path(__file__).parents[2] / "docs" / "how-to" / "library"
LIKE_THE_BUILT_IN = "from temper.domains.automotive import DOMAIN\n"


@pytest.mark.parametrize("name", [*BUILT_IN, str(EXAMPLE)])
def test_what_we_show_keeps_every_promise(name: str) -> None:
    assert list(problems(load_domain(name))) == []


def test_nothing_of_the_library_names_a_domain() -> None:
    library = Path(temper.__file__).parent
    naming = [
        path
        for path in library.rglob("*.py")
        if "domains" not in path.parts and any(name in path.read_text(encoding="utf-8") for name in BUILT_IN)
    ]
    assert sorted(path.name for path in naming) == ["main.py", "synthesize.py"], "as examples, in help and descriptions"


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


class Renaming(Automotive):
    """A tool has got another argument, which the domain's plans give a value or leave out."""

    def __init__(self, annotation: Any, *value: Any, default: Any = ...) -> None:
        arguments = create_model("Other", __base__=Arguments, department=(str, ...), note=(annotation, default))
        self.tools = {**Automotive.tools, "hand_over": Tool("hand_over", arguments, writes=True)}
        self._value = value

    def world(self, seed: int, split: str) -> World:
        world = super().world(seed, split)
        run = world.run
        world.run = lambda name, given: run(name, {key: value for key, value in given.items() if key != "note"})  # type: ignore[method-assign,assignment]
        return world

    def plan(self, understanding: Understanding) -> list[Call]:
        calls = super().plan(understanding)
        noted = dict(zip(("note",), self._value, strict=False))
        return [(name, given | noted if name == "hand_over" else given) for name, given in calls]


class Literal(Automotive):
    def plan(self, understanding: Understanding) -> list[Call]:
        for value in understanding.entities.values():
            if value == "any":
                raise ValueError(f"no such thing: {value}")
        return super().plan(understanding)


class Asking(Automotive):
    """Nobody of the workshop ever says all at once."""

    def task(self, rng: random.Random, world: Any, intent: str, split: str, *more: Any) -> list[Line]:
        lines = super().task(rng, world, intent, split, *more)
        return lines if self.intents[intent].business != "service" else (lines * 2)[:2] if len(lines) == 1 else lines


class Inventing(Automotive):
    def refusal(self, rule: str) -> tuple[str, tuple[str, ...]]:
        return ("Sorry, call 555 on monday.", ()) if rule == "closed_sunday" else super().refusal(rule)


class Boasting(Automotive):
    def reply(self, outcomes: Sequence[Any], names: Sequence[str]) -> str:
        return super().reply(outcomes, names) + " We are number 1."


class Sharing(Automotive):
    def world(self, seed: int, split: str) -> World:
        world = super().world(seed, split)
        world.plates = dict.fromkeys(("AB123", "CD456"), "ready")
        return world


class Polite(Automotive):
    def task(self, rng: random.Random, world: Any, intent: str, split: str, *more: Any) -> list[Line]:
        lines = super().task(rng, world, intent, "train", *more)
        return [replace(line, template=f"Please, {line.template}") for line in lines] if split == "test" else lines


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
        (Renaming(list[str], ["x"]), "tool hand_over: argument note is list[str]: plans carry text, numbers"),
        (Renaming(str | None), "tool hand_over: argument note may be None, so plans leave it out"),
        (Renaming(str, {1}), "plan gives hand_over the value {1}"),
        (Literal(), "raised ValueError (no such thing: any) for {"),
        (Asking(), "gave no task of at most 1 line in 500 tries"),
        (Inventing(), "refusal('closed_sunday') says '555', which the Explainer is not shown"),
        (Boasting(), "reply(...) says '1', which is in none of the results"),
        (Sharing(), "things are in both splits: AB123 (plate), CD456 (plate)"),
        (Polite(), "but for punctuation, order and politeness"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Automotive) else "",
)
def test_a_broken_promise_is_named(domain: Domain, says: str) -> None:
    assert any(says in line for line in problems(domain)), list(problems(domain))


@pytest.mark.parametrize(
    "domain", [Renaming(str | None, default=None), Renaming(str | None, None, default=None), Renaming(float, 2.5)]
)
def test_optional_and_decimal_arguments_are_taught_and_bent_like_others(domain: Domain) -> None:
    assert [*shape.arguments(domain), *shape.plans(domain)] == []
    mistakes = Traffic(mistake_rate=0.9, catch_rate=0.0)
    for seed in range(20):
        asyncio.run(play(domain, seed, "train", mistakes))


def test_after_the_tools_are_changed_one_line_a_kind_says_what_is_next() -> None:
    domain = load_domain(str(EXAMPLE))
    renamed = {f"{name}_here": Tool(f"{name}_here", tool.arguments, tool.writes) for name, tool in domain.tools.items()}
    changed: Any = SimpleNamespace(**{name: getattr(domain, name) for name in dir(domain) if name[0] != "_"})
    changed.tools = renamed
    said = list(problems(changed))
    assert len(said) == 2
    assert said[0].startswith("rules name tools that are not there, change them next: book_room (")


def own(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "__init__.py").write_text(text)
    return folder


def test_the_command_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
) -> None:
    folder = tmp_path / f"broken_{len(text or 'none')}"
    if text is not None:
        own(folder, text)
    assert main(["domain", "check", str(folder)]) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


def test_its_code_and_nothing_beside_it_moves_the_digest(tmp_path: Path) -> None:
    folder = own(tmp_path / "mine", LIKE_THE_BUILT_IN)
    before = domain_digest(str(folder))
    assert before != domain_digest("automotive")
    (folder / "notes.txt").write_text("x")
    assert domain_digest(str(folder)) == before
    (folder / "words.py").write_text("HELLO = 1\n")
    assert domain_digest(str(folder)) != before


def test_a_preset_names_the_folder_from_wherever_it_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own(tmp_path / "mine", LIKE_THE_BUILT_IN)
    smoke = load_preset("smoke")
    monkeypatch.chdir(tmp_path)
    config = override(smoke, ["synthesize.domain=mine"])
    assert config.synthesize.domain == str(tmp_path / "mine")
    assert load_domain(config.synthesize.domain) is load_domain("automotive")
