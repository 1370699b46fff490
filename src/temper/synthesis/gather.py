"""Training rows out of simulated conversations, one conversation after another: a killed run goes on where it was."""

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from temper.agents.scoring import why_wrong
from temper.config.stages import ROLES
from temper.config.synthesize import SynthesizeSettings
from temper.domains import load_domain
from temper.domains.base import Domain
from temper.process.stage import write
from temper.rows import ChatRow, PairRow, pair, spoken
from temper.synthesis.conversations import episodes, hire, point
from temper.synthesis.customer import Traffic
from temper.synthesis.labels import share
from temper.synthesis.overlap import key_text
from temper.synthesis.sample import DumpedRow, Sample
from temper.synthesis.simulator import Episode, Record

REPEATS = 4
"""How often an SFT row may come where its label has too few: six services have six prices, however often one asks."""
KEEP = 500
"""Conversations after which the rows so far are written down, and that a worker plays at a time."""


class Dump(TypedDict):
    """The rows so far, as JSON can carry them."""

    sft: dict[str, list[DumpedRow]]
    dpo: list[DumpedRow]
    calls: int


class TrainingRows:
    """Judged traces by role and caught mistakes by kind, of the conversations so far."""

    def __init__(self, domain: Domain, settings: SynthesizeSettings) -> None:
        self._domain, self._settings = domain, settings
        self.sft: dict[str, Sample[ChatRow]] = {
            role: Sample(settings.traces_per_role.get(role, 0), settings.seed, REPEATS) for role in ROLES
        }
        self.dpo: Sample[PairRow] = Sample(settings.dpo_pairs - hard_count(settings), settings.seed)
        self.calls = 0

    def play(self, numbers: range, work: Path, say: Callable[[int], None] = lambda _: None) -> dict[str, float]:
        """Play the training conversations with these numbers; returns what it cost."""
        settings = self._settings
        traffic = Traffic(mistake_rate=settings.mistake_rate, catch_rate=settings.judge_catch_rate, out_of_policy=0.5)
        with hire(self._domain, settings, work) as players:
            conversations = episodes(self._domain, settings, "train", numbers, traffic, players)
            for number, episode in zip(numbers, conversations, strict=True):
                self._add(episode)
                say(number + 1)
            return players.spent()

    def _add(self, episode: Episode) -> None:
        for record in episode.records:
            row, right = _chat(record, record.judged), _chat(record, record.right)
            self.sft[record.role].add(share(record), row, key_text(right))
            if record.kind and record.judged != record.teacher and self._tells_apart(record, episode):
                self.dpo.add(f"{record.role} {record.kind}", _pair(record))
        self.calls += len(episode.records)

    def _tells_apart(self, record: Record, episode: Episode) -> bool:
        """Whether the checker passes what the judge wrote and fails what the teacher wrote."""
        task = point(self._domain, record, episode)
        return not why_wrong(task, record.judged, self._domain) and bool(why_wrong(task, record.teacher, self._domain))

    def dump(self) -> Dump:
        """The rows so far, for another process or a later run."""
        return {"sft": {role: s.dump() for role, s in self.sft.items()}, "dpo": self.dpo.dump(), "calls": self.calls}

    def load(self, dump: Dump) -> None:
        """Take in the rows of another process or an earlier run."""
        for role, state in dump["sft"].items():
            self.sft[role].load(state, ChatRow)
        self.dpo.load(dump["dpo"], PairRow)
        self.calls += dump["calls"]


def gather(
    domain: Domain, settings: SynthesizeSettings, conversations: int, work: Path, say: Callable[..., None]
) -> tuple[TrainingRows, dict[str, float]]:
    """All training conversations, and what they cost: seconds, tokens, money.

    The rows so far are kept in `work`: a run that was killed plays on from there and ends with the same rows.
    """
    started = time.monotonic()
    rows, file = TrainingRows(domain, settings), work / "gathered.json"
    if settings.ray:
        spread_over_ray(rows, settings, conversations)
        return rows, _pace(rows, conversations, started)
    done = 0
    if file.is_file():
        state = json.loads(file.read_text(encoding="utf-8"))
        done = state["conversations"]
        rows.load(state)
        say(f"goes on after conversation {done}")

    def keep(number: int) -> None:
        if number % KEEP == 0:
            work.mkdir(parents=True, exist_ok=True)
            write(file, {"conversations": number, **rows.dump()})
            say("simulating training conversations", done=number, of=conversations)

    costs = rows.play(range(done, conversations), work, keep)
    return rows, {**costs, **_pace(rows, conversations - done, started)}


def spread_over_ray(rows: TrainingRows, settings: SynthesizeSettings, conversations: int) -> None:
    """The same conversations played by Ray's workers (RAY_ADDRESS, else this machine's cores)."""
    import ray

    ray.init(ignore_reinit_error=True, include_dashboard=False, log_to_driver=False)
    parts = [(start, min(conversations, start + KEEP)) for start in range(0, conversations, KEEP)]
    remote = ray.remote(_part)
    settings_json = settings.model_dump_json()
    for part in ray.get([remote.remote(settings_json, *part) for part in parts]):
        rows.load(part)
    ray.shutdown()


def _part(settings_json: str, start: int, stop: int) -> Dump:
    settings = SynthesizeSettings.model_validate_json(settings_json)
    rows = TrainingRows(load_domain(settings.domain), settings)
    rows.play(range(start, stop), Path())
    return rows.dump()


def _pace(rows: TrainingRows, conversations: int, started: float) -> dict[str, float]:
    took = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB
    return {
        "simulated_calls": float(rows.calls),
        "conversations_per_s": conversations / took,
        "simulation_peak_memory_mib": peak,
    }


def hard_count(settings: SynthesizeSettings) -> int:
    """Hard negatives among the preference pairs: one in ten."""
    return max(1, settings.dpo_pairs // 10)


def _chat(record: Record, text: str) -> ChatRow:
    """A call with this answer, still without an id."""
    return ChatRow(id="", role=record.role, slice=record.slice, prompt=record.messages, completion=spoken(text))


def _pair(record: Record) -> PairRow:
    return pair(
        role=record.role,
        kind=str(record.kind),
        origin="automatic",
        prompt=record.messages,
        right=record.judged,
        wrong=record.teacher,
    )
