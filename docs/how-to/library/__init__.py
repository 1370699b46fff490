"""A city library's help desk, small and complete: an example of a domain of your own (docs/how-to/own-domain.md)."""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from temper.domains.base import (
    Arguments,
    Call,
    Check,
    Checked,
    Intent,
    Line,
    Outcome,
    Rule,
    Tool,
    Understanding,
    of_split,
    reviewed,
)
from temper.domains.mentions import mentions
from temper.domains.talk import Task, Words, tell


class Topic(Arguments):
    topic: str


class Reservation(Arguments):
    book: str
    day: str


class Loan(Arguments):
    loan: str


class Stay(Arguments):
    room: str
    day: str
    hours: int


class Room(Arguments):
    room: str


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("find_books", Topic, writes=False),
        Tool("reserve_book", Reservation, writes=True),
        Tool("renew_loan", Loan, writes=True),
        Tool("book_room", Stay, writes=True),
        Tool("room_details", Room, writes=False),
    )
}
RULES = {
    rule.name: rule
    for rule in (
        Rule("closed_sunday", "day not sunday", ("reserve_book", "book_room")),
        Rule("hours_limit", "hours up to 3", ("book_room",)),
        Rule("own_loan", "loan own", ("renew_loan",)),
    )
}
CHECKS: dict[str, Check] = {
    "closed_sunday": (lambda world, call: call["day"], lambda day: day != "sunday"),
    "hours_limit": (lambda world, call: call["hours"], lambda hours: hours <= 3),
    "own_loan": (lambda world, call: world.owner(call["loan"]), lambda owner: owner == "own"),
}
INTENTS = {
    intent.name: intent
    for intent in (
        Intent("find_books", "lending", ("topic",), ("find_books",)),
        Intent("reserve_book", "lending", ("book", "day"), ("reserve_book",)),
        Intent("renew_loan", "lending", ("loan",), ("renew_loan",)),
        Intent("book_room", "rooms", ("room", "day", "hours"), ("book_room",)),
        Intent("room_details", "rooms", ("room",), ("room_details",), rare=True),
    )
}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
TOPICS = {
    "train": ("gardening", "sailing", "chess", "bees", "railways", "poetry", "volcanoes"),
    "test": ("astronomy", "baking", "owls", "knitting"),
}
FORMS = {"book": r"B\d+", "room": r"R\d+", "loan": r"L\d+", "day": DAYS}
REQUESTS = {
    "find_books": {
        "train": ("Do you have books on {topic}?", "I am looking for a book on {topic}.", "I need something to read."),
        "test": ("Show me books about {topic}.", "I want a book."),
    },
    "reserve_book": {
        "train": ("Please keep {book} for me.", "Reserve {book} for {day}.", "I will fetch {book} on {day}."),
        "test": ("Can you put {book} aside for {day}?", "I would like to reserve {book}."),
    },
    "renew_loan": {
        "train": ("Please renew {loan}.", "I need {loan} for longer.", "I have to renew a loan."),
        "test": ("Could you extend {loan}?", "One of my loans is due, please renew it."),
    },
    "book_room": {
        "train": ("Book room {room} on {day} for {hours} hours.", "We need {room} on {day}.", "I need a room."),
        "test": ("Is {room} to be had on {day} for {hours} hours?", "Please book {room} for us."),
    },
    "room_details": {
        "train": ("How large is {room}?", "Tell me about {room}.", "I have a question on a room."),
        "test": ("What is {room} like?", "How many people fit into {room}?"),
    },
}
WORDS = Words(
    answers={
        "topic": {"train": ("On {topic}.", "Something about {topic}."), "test": ("The topic is {topic}.",)},
        "book": {"train": ("{book}.", "I mean {book}."), "test": ("It is book {book}.",)},
        "day": {"train": ("On {day}.", "I can come on {day}."), "test": ("{day} suits me.",)},
        "loan": {"train": ("{loan}.", "It is {loan}."), "test": ("The number is {loan}.",)},
        "room": {"train": ("{room}.", "Room {room}."), "test": ("I mean room {room}.",)},
        "hours": {"train": ("For {hours} hours.", "{hours} hours."), "test": ("{hours} hours would do.",)},
    },
    corrections={"train": ("No, sorry.", "Wait, that was wrong."), "test": ("Oh, I was mistaken.",)},
    polite=("", "", "Hello. "),
)
REFUSALS = {
    "closed_sunday": ("Sorry, we are closed on sunday.", ("sunday",)),
    "hours_limit": ("Sorry, rooms are for 3 hours at most.", ("3",)),
    "own_loan": ("Sorry, this is not your loan.", ("your loan",)),
}


@dataclass
class World:
    """The library as it stands: its books, its rooms, and what this reader has."""

    books: dict[str, str]
    rooms: dict[str, int]
    loans: dict[str, int]
    kept: dict[str, str]

    def run(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        if name == "find_books":
            books = [book for book, topic in self.books.items() if topic == arguments["topic"]]
            return Outcome(f"found {books[0]}", (books[0],), focus=books[0]) if books else Outcome("none", ("none",))
        if name == "renew_loan":
            self.loans[arguments["loan"]] += 1
            return Outcome(f"renewed {arguments['loan']}", (arguments["loan"],))
        thing = arguments["book" if name == "reserve_book" else "room"]
        if thing not in self.books and thing not in self.rooms:
            return Outcome(f"{thing} not found", (thing,))
        if name == "room_details":
            return Outcome(f"{thing} {self.rooms[thing]} seats", (thing, str(self.rooms[thing])))
        self.kept[thing] = arguments["day"]
        return Outcome(f"kept {thing} {arguments['day']}", (thing, arguments["day"]), focus=thing)

    def facts(self, entities: Mapping[str, Any], intent: str) -> str:
        loan = entities.get("loan")
        return f"{loan} {self.owner(str(loan))}" if loan else ""

    def review(self, calls: Sequence[Call]) -> list[Checked]:
        return reviewed(RULES, CHECKS, self, calls)

    def broken(self, calls: Sequence[Call]) -> str | None:
        return next((checked.rule for checked in self.review(calls) if not checked.holds), None)

    def state_digest(self) -> str:
        state = json.dumps({"loans": self.loans, "kept": self.kept}, sort_keys=True)
        return "sha256:" + hashlib.sha256(state.encode()).hexdigest()

    def owner(self, loan: str) -> str:
        return "own" if loan in self.loans else "other"


class Library:
    """See `temper.domains.base.Domain` for what each part means."""

    name = "library"
    company = "a city library"
    tools = TOOLS
    rules = RULES
    intents = INTENTS
    shown = frozenset(("book", "room"))
    names = frozenset[str]()

    def world(self, seed: int, split: str) -> World:
        rng = random.Random(f"library {seed} {split}")
        ids = iter(rng.sample(of_split(range(100, 1000), split), 60))
        return World(
            books={f"B{next(ids)}": rng.choice(TOPICS[split]) for _ in range(20)},
            rooms={f"R{next(ids)}": rng.randint(2, 12) for _ in range(8)},
            loans={f"L{next(ids)}": 0 for _ in range(3)},
            kept={},
        )

    def task(
        self,
        rng: random.Random,
        world: World,
        intent: str,
        split: str,
        focus: str | None,
        breaks: str | None = None,
        corrections: float = 0.0,
    ) -> list[Line]:
        def draw() -> dict[str, Any]:
            other = f"L{rng.choice(of_split(range(10, 100), split))}"
            every = {
                "topic": rng.choice(TOPICS[split]),
                "book": rng.choice(list(world.books)),
                "day": "sunday" if breaks == "closed_sunday" else rng.choice(DAYS),
                "loan": other if breaks == "own_loan" else rng.choice(list(world.loans)),
                "room": rng.choice(list(world.rooms)),
                "hours": rng.randint(4, 9) if breaks == "hours_limit" else rng.randint(1, 3),
            }
            return {name: every[name] for name in INTENTS[intent].entities}

        def say(wording: str, values: Mapping[str, Any]) -> str:
            text = wording.format(**values)
            return text[0].upper() + text[1:]

        template = rng.choice(REQUESTS[intent][split])
        wanted = Task(INTENTS[intent], draw(), template, ("out_of_policy",) if breaks else ())
        return tell(rng, wanted, WORDS, split, say, corrections, draw)

    def mentioned(self, field: str, utterance: str, focus: str | None) -> Sequence[str]:
        return mentions(FORMS, field, utterance)

    def plan(self, understanding: Understanding) -> list[Call]:
        return [(understanding.intent, dict(understanding.entities))]

    def ask(self, field: str) -> tuple[str, tuple[str, ...]]:
        return f"Which {field}, please?", (field,)

    def refusal(self, rule: str) -> tuple[str, tuple[str, ...]]:
        return REFUSALS[rule]

    def reply(self, outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
        return f"Here you are: {outcomes[-1].text}."

    def documents(self, rng: random.Random, count: int) -> list[tuple[str, str]]:
        shelves = [(rng.randint(1, 99), rng.choice(TOPICS["train"])) for _ in range(count)]
        return [("A library's shelves", f"Shelf {shelf} holds books on {topic}.") for shelf, topic in shelves]

    def ramble(self, rng: random.Random, split: str) -> str:
        return {"train": "It is lovely weather.", "test": "I have come a long way."}[split]


DOMAIN = Library()
