"""The five training sets and the evaluation set, from simulated conversations. Splits never share an entity's
number, a wording or a conversation, and evaluation keeps clear of everything that is trained on (`overlap`)."""

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from temper.agents.inputs import ExplainerInput
from temper.assets import public_documents, public_questions
from temper.config.stages import ROLES, Role
from temper.config.synthesize import SynthesizeSettings
from temper.domains.base import Domain
from temper.domains.scenario import Scenario
from temper.errors import DataError
from temper.rows import (
    TRAIN,
    AnyRow,
    ChatRow,
    Document,
    PairRow,
    Point,
    PromptRow,
    TalkRow,
    load,
    spoken,
    write,
)
from temper.synthesis.conversations import episodes, point
from temper.synthesis.customer import Traffic
from temper.synthesis.gather import TrainingRows, gather, hard_count
from temper.synthesis.hard import hard_negatives
from temper.synthesis.labels import label
from temper.synthesis.overlap import Index, key_text
from temper.synthesis.requests import HELD_OUT_PUBLIC, Unmet, beyond_assets, distinct, fewer, refuse, short_of
from temper.synthesis.sample import Sample
from temper.synthesis.teacher import explain
from temper.traces.bring import imported

PRACTICE = Traffic(out_of_policy=0.5)
"""Conversations like those that are trained on, without a mistake."""
NEAR = 0.8
"""Similarity from which an evaluation row is dropped for being like a training row."""
DRAWS = 20
"""Most times that a domain draws documents in place of repeated ones."""


def build(
    domain: Domain, settings: SynthesizeSettings, out: Callable[[str], Path], work: Path, say: Callable[[str], None]
) -> dict[str, float]:
    """Write every set below `out(name)` and return their sizes; answers that cost money are kept in `work`.

    Raises DataError when a request cannot be met: at once where the assets are too few, else when all is simulated.
    """

    refuse(beyond_assets(settings))

    def rng(name: str) -> random.Random:
        return random.Random(f"{settings.seed}:{name}")  # one each: the size of one set changes no other

    say("simulating training conversations")
    own = {name: imported(folder) / TRAIN for name, folder in settings.own if folder}
    needed = 0 if {"sft", "dpo"} <= set(own) else settings.conversations
    training, costs = gather(domain, settings, needed, work, say)
    pairs = load(own["dpo"], PairRow) if "dpo" in own else _dpo(domain, training, settings, rng("dpo"))
    sets: dict[str, Sequence[AnyRow]] = {
        "sft": load(own["sft"], ChatRow) if "sft" in own else _sft(training, rng("sft")),
        "dpo": pairs,
        "draft_prompts": _draft_prompts(domain, settings, rng("draft_prompts")),
        "calibration": _calibration(domain, settings, rng("calibration")),
    }
    if settings.practice_prompts:
        sets["practice"] = _points(domain, settings, "practice", dict(settings.practice_prompts), PRACTICE)
    sets["cpt"], heldout = (
        _split(load(own["cpt"], Document), rng("cpt")) if "cpt" in own else _cpt(domain, settings, rng("cpt"))
    )
    say("simulating held-out conversations")
    index = Index((key_text(row) for rows in sets.values() for row in rows), NEAR)
    traffic = Traffic(mistake_rate=settings.mistake_rate, out_of_policy=0.4)
    points = _points(domain, settings, "points", dict.fromkeys(ROLES, settings.points_per_role), traffic, index)
    refuse(_unmet(settings, sets, points, set(own)))
    scenarios = _scenarios(domain, settings)
    for name, rows in sets.items():
        write(out(name) / TRAIN, rows)
    write(out("cpt") / "heldout.jsonl", heldout)
    write(out("evaluation") / "points.jsonl", points)
    write(out("evaluation") / "scenarios.jsonl", scenarios)
    sizes = {f"{name}_rows": float(len(rows)) for name, rows in sets.items()}
    sizes |= {f"{name}_distinct_rows": float(distinct(rows)) for name, rows in sets.items()}
    kinds: dict[str, float] = defaultdict(float)
    for pair in pairs:
        kinds[f"dpo_{pair.kind}_pairs"] += 1
    return {
        **sizes,
        **kinds,
        **costs,
        "evaluation_points": float(len(points)),
        "evaluation_scenarios": float(len(scenarios)),
    }


def _unmet(
    settings: SynthesizeSettings, sets: Mapping[str, Sequence[AnyRow]], points: list[Point], own: Collection[str]
) -> Iterator[Unmet]:
    """Requests that the simulation did not meet; imported sets have none."""
    talk = "raise synthesize.conversations"
    if "sft" not in own:
        yield from short_of(settings.traces_per_role, sets["sft"], "traces_per_role", talk)
    if "dpo" not in own:
        yield from fewer(len(sets["dpo"]), settings.dpo_pairs, "dpo_pairs", "pairs", f"{talk} or mistake_rate")
    if "cpt" not in own:
        documents = sum(isinstance(row, Document) and row.source != "public" for row in sets["cpt"])
        yield from fewer(documents, settings.cpt_domain_documents, "cpt_domain_documents", "documents of the domain")
    prompts = [row for row in sets["draft_prompts"] if isinstance(row, PromptRow) and row.source == "in_domain"]
    yield from short_of(settings.draft_prompts, prompts, "draft_prompts", "")
    yield from short_of(settings.practice_prompts, sets.get("practice", []), "practice_prompts", "")
    calibrating = sum(isinstance(row, TalkRow) and row.source == "in_domain" for row in sets["calibration"])
    yield from fewer(calibrating, settings.calibration_in_domain, "calibration_in_domain", "rows")
    scarcest = min(sum(point.role == role for point in points) for role in ROLES)
    yield from fewer(scarcest, settings.points_per_role, "points_per_role", "held-out points of the scarcest role")


def _sft(training: TrainingRows, rng: random.Random) -> list[ChatRow]:
    """Judged traces by role; each is what M should have written, but for what the judge missed."""
    rows = [row for role in ROLES for row in training.sft[role].rows()]
    rng.shuffle(rows)
    return [replace(row, id=f"sft-{number}") for number, row in enumerate(rows)]


def _dpo(domain: Domain, training: TrainingRows, settings: SynthesizeSettings, rng: random.Random) -> list[PairRow]:
    """Nine caught mistakes to each hard negative; the checker passes the chosen answer and fails the rejected."""
    rows = training.dpo.rows() + hard_negatives(domain, settings.seed, hard_count(settings), rng)
    rng.shuffle(rows)
    return [replace(row, id=f"dpo-{number}") for number, row in enumerate(rows)]


def _draft_prompts(domain: Domain, settings: SynthesizeSettings, rng: random.Random) -> list[PromptRow]:
    """Prompts of fresh conversations by role, and public questions as plain user messages."""
    mine: dict[str, Sample[PromptRow]] = {
        role: Sample(count, settings.seed) for role, count in settings.draft_prompts.items()
    }
    conversations = range(4 + max(settings.draft_prompts.values(), default=0) // 4)
    for episode in episodes(domain, settings, "draft", conversations, Traffic()):
        for r in episode.records:
            if r.role in mine:
                mine[r.role].add(r.role, PromptRow(id="", role=r.role, source="in_domain", prompt=r.messages))
    rows = [row for sample in mine.values() for row in sample.rows()]
    questions = public_questions()[: settings.draft_public_prompts]
    rows += [
        PromptRow(id="", role="public", source="public", prompt=[{"role": "user", "content": text}])
        for text in questions
    ]
    rng.shuffle(rows)
    return [replace(row, id=f"draft-{number}") for number, row in enumerate(rows)]


def _calibration(domain: Domain, settings: SynthesizeSettings, rng: random.Random) -> list[TalkRow]:
    """Fresh traces with right answers, and public documents as plain messages."""
    mine: Sample[TalkRow] = Sample(settings.calibration_in_domain, settings.seed)
    numbers = range(4 + settings.calibration_in_domain // 20)
    for episode in episodes(domain, settings, "calibration", numbers, Traffic()):
        for r in episode.records:
            mine.add(r.role, TalkRow(id="", source="in_domain", messages=r.messages + spoken(r.right)))
    rows = mine.rows()
    for document in public_documents()[-settings.calibration_public :] if settings.calibration_public else []:
        text = document.text[: settings.document_characters]
        rows.append(TalkRow(id="", source="public", messages=[{"role": "user", "content": text}]))
    rng.shuffle(rows)
    return [replace(row, id=f"calibration-{number}") for number, row in enumerate(rows)]


def _cpt(domain: Domain, settings: SynthesizeSettings, rng: random.Random) -> tuple[list[Document], list[Document]]:
    """The domain's and public documents, each behind a context C_x that says what it is; a tenth more is held out."""
    more = max(2, settings.cpt_domain_documents // 10)
    texts = _different_documents(domain, settings.cpt_domain_documents + more, rng)
    rows = [Document(prompt=f"{context}\n\n", completion=text, source=domain.name) for context, text in texts]
    public = [
        Document(
            prompt=f"{d.source}: {d.title}\n\n",
            completion=d.text[: settings.document_characters],
            source="public",
        )
        for d in public_documents()[: settings.cpt_public_documents + HELD_OUT_PUBLIC]
    ]
    train = rows[more:] + public[HELD_OUT_PUBLIC:]
    rng.shuffle(train)
    return train, rows[:more] + public[:HELD_OUT_PUBLIC]


def _different_documents(domain: Domain, count: int, rng: random.Random) -> list[tuple[str, str]]:
    """Up to `count` documents, each once: what is held out is then in no training set."""
    texts: dict[tuple[str, str], None] = {}
    for _ in range(DRAWS):
        texts |= dict.fromkeys(domain.documents(rng, count - len(texts)) if len(texts) < count else [])
    return list(texts)


def _split(rows: list[Document], rng: random.Random) -> tuple[list[Document], list[Document]]:
    """A tenth, one row at least, is held out."""
    if len(rows) < 2:
        raise DataError("own.cpt: one document cannot be trained on and held out; bring two at least")
    rng.shuffle(rows)
    tenth = max(1, len(rows) // 10)
    return rows[tenth:], rows[:tenth]


def _points(
    domain: Domain,
    settings: SynthesizeSettings,
    kind: str,
    wanted: Mapping[Role, int],
    traffic: Traffic,
    keep_clear: Index | None = None,
) -> list[Point]:
    """Prompts with the right answer by role, spread over labels, none of them like a row to keep clear of."""
    samples: dict[str, Sample[Point]] = {role: Sample(count, settings.seed) for role, count in wanted.items()}
    for episode in episodes(domain, settings, kind, range(20 + max(wanted.values())), traffic):
        rows = [point(domain, record, episode) for record in episode.records]
        like = keep_clear.hits([key_text(row) for row in rows]) if keep_clear else {}
        for number, (record, row) in enumerate(zip(episode.records, rows, strict=True)):
            if number not in like and record.role in samples:
                samples[record.role].add(label(record), row)
    points: list[Point] = []
    for role in wanted:
        points += [replace(row, id=f"{role}-{number}") for number, row in enumerate(samples[role].rows())]
    return points


def _scenarios(domain: Domain, settings: SynthesizeSettings) -> list[Scenario]:
    """Ten turns with a switch of business in the middle; the goal is what a faultless M leaves behind."""
    rows = []
    traffic = Traffic(naive_rate=0.0, timid_rate=0.0, variants=0.0)
    for number, episode in enumerate(episodes(domain, settings, "scenarios", range(settings.scenarios), traffic)):
        replies = [r.inputs for r in episode.records if isinstance(r.inputs, ExplainerInput)]
        slices = {name for line in episode.lines for name in line.slices} | {"business_switch"}
        rows.append(
            Scenario(
                id=f"scenario-{number}",
                seed=episode.seed,
                split=episode.split,
                turns=tuple(line.text for line in episode.lines),
                meanings=tuple(line.truth.text() for line in episode.lines),
                facts=tuple(tuple(explain(domain, inputs)[1]) for inputs in replies),
                goal=episode.goal,
                mistake_rate=settings.mistake_rate,
                slices=tuple(sorted(slices)),
            )
        )
    return rows
