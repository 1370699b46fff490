"""The five training sets and the evaluation set, made from simulated conversations. Splits never share an entity's
number, a wording or a conversation, and evaluation keeps clear of everything that is trained on (`overlap`)."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from temper.agents.client import Request
from temper.agents.scoring import why_wrong
from temper.assets import public_documents, public_questions
from temper.config.stages import ROLES, SynthesizeSettings
from temper.domains.base import Domain
from temper.errors import DataError
from temper.own.bring import TRAIN, brought
from temper.synthesis.cast import HiredPlayers, Players
from temper.synthesis.hard import hard_negatives
from temper.synthesis.overlap import Index, key_text
from temper.synthesis.rows import Row, label, read, share, spread, write
from temper.synthesis.simulator import Episode, Record, Traffic, play
from temper.synthesis.teacher import explain

OFFSETS = {
    "train": 0, "draft": 1_000_000, "calibration": 2_000_000, "points": 3_000_000, "scenarios": 4_000_000,
    "examples": 5_000_000,
}  # fmt: skip
"""First seed of each kind of conversation: no two kinds share one."""
SCRIPTED = Players()
NEAR = 0.8
"""Similarity from which an evaluation row is dropped for being like a training row."""


def episodes(
    domain: Domain, settings: SynthesizeSettings, kind: str, count: int, traffic: Traffic, players: Players = SCRIPTED
) -> Iterator[Episode]:
    """`count` conversations of one kind, in order."""
    split = "test" if kind in ("points", "scenarios") else "train"
    first = settings.seed * 10_000_000 + OFFSETS[kind]
    for start in range(first, first + count, players.cast.at_once):
        seeds = range(start, min(first + count, start + players.cast.at_once))
        yield from players.together([play(domain, seed, split, traffic, players.cast) for seed in seeds])


def hire(domain: Domain, settings: SynthesizeSettings, work: Path) -> AbstractContextManager[Players]:
    """The players that the settings name; models see worked examples of conversations that are in no set."""
    if not (settings.teacher or settings.judge or settings.simulator):
        return nullcontext(SCRIPTED)
    played = episodes(domain, settings, "examples", 12, Traffic(variants=0.0))
    examples = [(Request(r.role, r.messages, r.given), r.right) for e in played for r in e.records]
    return HiredPlayers(settings, examples, work)


def point(domain: Domain, record: Record, episode: Episode, identity: str) -> Row:
    """A record as an evaluation point; see `temper.agents.scoring`."""
    facts = explain(domain, record.given)[1] if record.role == "explainer" else ()
    calls = episode.calls[: record.calls_before]
    return {
        "id": identity,
        "role": record.role,
        "slice": record.slice,
        "prompt": record.messages,
        "expected": record.right,
        "teacher": record.teacher,
        "facts": list(facts),
        "world": {"seed": episode.seed, "split": episode.split, "calls": [list(call) for call in calls]},
    }


def _chat(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def build(
    domain: Domain, settings: SynthesizeSettings, out: Callable[[str], Path], work: Path, say: Callable[[str], None]
) -> dict[str, float]:
    """Write every set below `out(name)` and return their sizes; answers that cost money are kept in `work`.

    Raises DataError when the talks give too little.
    """
    rng = random.Random(settings.seed)
    traffic = Traffic(mistake_rate=settings.mistake_rate, catch_rate=settings.judge_catch_rate, out_of_policy=0.5)
    say("simulating training conversations")
    own = {name: read(brought(folder) / TRAIN) for name, folder in settings.own if folder}
    needed = 0 if {"sft", "dpo"} <= set(own) else settings.conversations
    with hire(domain, settings, work) as players:
        played = episodes(domain, settings, "train", needed, traffic, players)
        train = [(record, episode) for episode in played for record in episode.records]
        spent = players.spent()
    sets = {
        "sft": own.get("sft") or _sft(train, settings, rng),
        "dpo": own.get("dpo") or _dpo(domain, train, settings, rng),
        "draft_prompts": _draft_prompts(domain, settings, rng),
        "calibration": _calibration(domain, settings, rng),
    }
    sets["cpt"], heldout = _split(own["cpt"], rng) if "cpt" in own else _cpt(domain, settings, rng)
    say("simulating held-out conversations")
    index = Index((key_text(row) for rows in sets.values() for row in rows), NEAR)
    points = _points(domain, settings, index, rng)
    scenarios = _scenarios(domain, settings)
    for name, rows in sets.items():
        write(out(name) / "train.jsonl", rows)
    write(out("cpt") / "heldout.jsonl", heldout)
    write(out("evaluation") / "points.jsonl", points)
    write(out("evaluation") / "scenarios.jsonl", scenarios)
    sizes = {f"{name}_rows": float(len(rows)) for name, rows in sets.items()}
    kinds: dict[str, float] = defaultdict(float)
    for row in sets["dpo"]:
        kinds[f"dpo_{row['kind']}_pairs"] += 1
    return {
        **sizes,
        **kinds,
        **spent,
        "evaluation_points": float(len(points)),
        "evaluation_scenarios": float(len(scenarios)),
    }


def _sft(train: Sequence[tuple[Record, Episode]], settings: SynthesizeSettings, rng: random.Random) -> list[Row]:
    """Judged traces by role; each is what M should have written, but for what the judge missed."""
    rows: list[Row] = []
    for role in ROLES:
        mine = [
            (share(r), {"role": role, "slice": r.slice, "prompt": r.messages, "completion": _chat(r.judged)})
            for r, _ in train
            if r.role == role
        ]
        rows += spread(mine, settings.traces_per_role.get(role, 0), rng)
    rng.shuffle(rows)
    return [{"id": f"sft-{number}", **row} for number, row in enumerate(rows)]


def _dpo(
    domain: Domain, train: Sequence[tuple[Record, Episode]], settings: SynthesizeSettings, rng: random.Random
) -> list[Row]:
    """Nine caught mistakes to each hard negative; the checker passes the chosen answer and fails the rejected."""
    pairs = []
    for record, episode in train:
        if record.kind and record.judged != record.teacher:
            checked = point(domain, record, episode, "")
            if not why_wrong(checked, record.judged, domain) and why_wrong(checked, record.teacher, domain):
                pairs.append((f"{record.role} {record.kind}", _pair(record, "automatic")))
    hard_count = max(1, settings.dpo_pairs // 10)
    automatic = spread(pairs, settings.dpo_pairs - hard_count, rng)
    rows = automatic + hard_negatives(domain, settings.seed, hard_count, rng)
    if len(rows) < settings.dpo_pairs:
        raise DataError(
            f"only {len(rows)} of {settings.dpo_pairs} preference pairs: raise synthesize.conversations or mistake_rate"
        )
    rng.shuffle(rows)
    return [{"id": f"dpo-{number}", **row} for number, row in enumerate(rows)]


def _pair(record: Record, origin: str) -> Row:
    return {
        "role": record.role,
        "kind": record.kind,
        "origin": origin,
        "prompt": record.messages,
        "chosen": _chat(record.judged),
        "rejected": _chat(record.teacher),
    }


def _draft_prompts(domain: Domain, settings: SynthesizeSettings, rng: random.Random) -> list[Row]:
    """Prompts of fresh conversations, all roles as they come, then public questions as plain user messages."""
    played = episodes(domain, settings, "draft", 4 + settings.draft_prompts // 20, Traffic())
    mine = [(r.role, {"role": r.role, "source": "in_domain", "prompt": r.messages}) for e in played for r in e.records]
    rows = spread(mine, settings.draft_prompts, rng)
    questions = public_questions()[: settings.draft_public_prompts]
    rows += [
        {"role": "public", "source": "public", "prompt": [{"role": "user", "content": text}]} for text in questions
    ]
    rng.shuffle(rows)
    return [{"id": f"draft-{number}", **row} for number, row in enumerate(rows)]


def _calibration(domain: Domain, settings: SynthesizeSettings, rng: random.Random) -> list[Row]:
    """Fresh traces with right answers, and public documents as plain messages."""
    played = episodes(domain, settings, "calibration", 4 + settings.calibration_in_domain // 20, Traffic())
    mine = [
        (r.role, {"source": "in_domain", "messages": r.messages + _chat(r.right)}) for e in played for r in e.records
    ]
    rows = spread(mine, settings.calibration_in_domain, rng)
    for document in public_documents()[-settings.calibration_public :] if settings.calibration_public else []:
        rows.append(
            {
                "source": "public",
                "messages": [{"role": "user", "content": document.text[: settings.document_characters]}],
            }
        )
    rng.shuffle(rows)
    return [{"id": f"calibration-{number}", **row} for number, row in enumerate(rows)]


def _cpt(domain: Domain, settings: SynthesizeSettings, rng: random.Random) -> tuple[list[Row], list[Row]]:
    """Automotive and public documents, each behind a context C_x that says what it is; a tenth more is held out."""
    more = max(2, settings.cpt_domain_documents // 10)
    texts = domain.documents(rng, settings.cpt_domain_documents + more)
    rows = [{"prompt": f"{context}\n\n", "completion": text, "source": domain.name} for context, text in texts]
    public = [
        {
            "prompt": f"{d.source}: {d.title}\n\n",
            "completion": d.text[: settings.document_characters],
            "source": "public",
        }
        for d in public_documents()[: settings.cpt_public_documents + 2]
    ]
    train = rows[more:] + public[2:]
    rng.shuffle(train)
    return train, rows[:more] + public[:2]


def _split(rows: list[Row], rng: random.Random) -> tuple[list[Row], list[Row]]:
    """A tenth, one row at least, is held out."""
    if len(rows) < 2:
        raise DataError("own.cpt: one document cannot be trained on and held out; bring two at least")
    rng.shuffle(rows)
    held = max(1, len(rows) // 10)
    return rows[held:], rows[:held]


def _points(domain: Domain, settings: SynthesizeSettings, index: Index, rng: random.Random) -> list[Row]:
    """Held-out points by role, spread over labels, none of them like a training row."""
    count = 20 + settings.points_per_role
    traffic = Traffic(mistake_rate=settings.mistake_rate, out_of_policy=0.4)
    rows: list[tuple[str, str, Row]] = [
        (r.role, label(r), point(domain, r, e, ""))
        for e in episodes(domain, settings, "points", count, traffic)
        for r in e.records
    ]
    like = index.hits([key_text(row) for _, _, row in rows])
    points: list[Row] = []
    for role in ROLES:
        mine = [(name, row) for number, (who, name, row) in enumerate(rows) if who == role and number not in like]
        picked = spread(mine, settings.points_per_role, rng)
        if len(picked) < settings.points_per_role:
            raise DataError(f"only {len(picked)} held-out {role} points of {settings.points_per_role}: ask for fewer")
        points += [{**row, "id": f"{role}-{number}"} for number, row in enumerate(picked)]
    return points


def _scenarios(domain: Domain, settings: SynthesizeSettings) -> list[Row]:
    """Ten turns with a switch of business in the middle; the goal is what a faultless M leaves behind."""
    rows = []
    traffic = Traffic(naive_rate=0.0, timid_rate=0.0, variants=0.0)
    for number, episode in enumerate(episodes(domain, settings, "scenarios", settings.scenarios, traffic)):
        told = [r for r in episode.records if r.role == "explainer"]
        rows.append(
            {
                "id": f"scenario-{number}",
                "seed": episode.seed,
                "split": episode.split,
                "turns": [line.text for line in episode.lines],
                "meanings": [line.truth.text() for line in episode.lines],
                "facts": [list(explain(domain, r.given)[1]) for r in told],
                "goal": episode.goal,
                "mistake_rate": settings.mistake_rate,
                "slices": sorted({name for line in episode.lines for name in line.slices} | {"business_switch"}),
            }
        )
    return rows
