"""Simulated conversations by kind: which seeds each kind has, who plays in them, and a call of them as a point."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from temper.agents.client import Request
from temper.agents.inputs import ExplainerInput
from temper.config.synthesize import SynthesizeSettings
from temper.domains.base import Domain
from temper.rows import Point, WorldState
from temper.synthesis.cast import HiredPlayers, Players
from temper.synthesis.customer import Traffic
from temper.synthesis.simulator import Episode, Record, play
from temper.synthesis.teacher import explain

OFFSETS = {
    "train": 0, "draft": 1_000_000, "calibration": 2_000_000, "points": 3_000_000, "scenarios": 4_000_000,
    "examples": 5_000_000, "practice": 6_000_000,
}  # fmt: skip
"""First seed of each kind of conversation: no two kinds share one."""
SCRIPTED = Players()


def episodes(
    domain: Domain,
    settings: SynthesizeSettings,
    kind: str,
    numbers: range,
    traffic: Traffic,
    players: Players = SCRIPTED,
) -> Iterator[Episode]:
    """The conversations of one kind with these numbers, in order, each played when it is needed."""
    traffic = replace(traffic, corrections=settings.corrections, dropped=settings.dropped_tasks)
    split = "test" if kind in ("points", "scenarios") else "train"
    first = settings.seed * 10_000_000 + OFFSETS[kind]
    for start in range(numbers.start, numbers.stop, players.cast.at_once):
        together = range(start, min(numbers.stop, start + players.cast.at_once))
        yield from players.together([play(domain, first + n, split, traffic, players.cast) for n in together])


def hire(domain: Domain, settings: SynthesizeSettings, work: Path) -> AbstractContextManager[Players]:
    """The players that the settings name; models see worked examples of conversations that are in no set."""
    if not (settings.teacher or settings.judge or settings.simulator):
        return nullcontext(SCRIPTED)
    conversations = episodes(domain, settings, "examples", range(12), Traffic(variants=0.0))
    examples = [(Request(r.inputs, r.messages), r.right) for e in conversations for r in e.records]
    return HiredPlayers(settings, examples, work)


def point(domain: Domain, record: Record, episode: Episode) -> Point:
    """A record as an evaluation point, still without an id; see `temper.agents.scoring`."""
    facts = explain(domain, record.inputs)[1] if isinstance(record.inputs, ExplainerInput) else ()
    calls = [(name, dict(arguments)) for name, arguments in episode.calls[: record.calls_before]]
    return Point(
        id="",
        role=record.role,
        slice=record.slice,
        wording=record.template,
        prompt=record.messages,
        expected=record.right,
        teacher=record.teacher,
        facts=list(facts),
        world=WorldState(seed=episode.seed, split=episode.split, calls=calls),
    )
