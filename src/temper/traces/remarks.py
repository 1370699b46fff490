"""What the rows of a record no longer show, or show without a warning: it is counted, and the report says it.

One rule for reasoning, wherever it stands: `<think>` at the start of an answer, `reasoning_content`, `reasoning`,
`thinking` and content parts of these names are left out, because the agents here answer at once.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from temper.traces.calls import Fields, calls_of, function_of, learnt, offered

LONG = 50
"""Answers in one conversation from which the report speaks of the rows' size."""
REMARKS = {
    "reasoning": "answers had reasoning (`<think>`, `reasoning_content`, `thinking`), which was left out",
    "parts": "parts of messages were no text (images, sounds, files) and were left out",
    "greetings": "messages of the assistant's before the user's first were left out",
    "no_arguments": "calls lack arguments that their tool requires; they were kept as calls without arguments",
    "not_offered": "calls are of tools that their record does not list; they were kept",
    "long_talks": f"conversations have more than {LONG} answers: each answer's row repeats all that stands before it, "
    "so that the rows' size grows with the square of the length; cut them first if the file is too large",
    "direction_marks": "rows hold marks of writing direction, which can hide or turn text; they were kept",
    "repeats": "rows equal an earlier row; --distinct leaves them out",
    "other_answers": "rows have an earlier row's prompt and another answer; they were kept",
}
"""What the report counts, and its words for it."""
REASONING = ("reasoning_content", "reasoning", "thinking")
_THINK = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def remarks(record: Fields) -> Counter[str]:
    """How often each remark applies to a record that became rows; `turned` and repeats are counted by row."""
    counts: Counter[str] = Counter()
    talks = list(_talks(record))
    for talk in talks:
        for message in talk:
            content = message.get("content")
            counts["reasoning"] += reasons(message)
            counts["parts"] += sum(no_text(part) is not None for part in content) if isinstance(content, list) else 0
    counts += _calls(record, talks)
    main = next(iter(talks), [])
    roles = [message.get("role") for message in main]
    counts["greetings"] = roles[: roles.index("user")].count("assistant") if "user" in roles else 0
    counts["long_talks"] = int(roles.count("assistant") > LONG)
    return +counts


def reasons(message: Fields) -> bool:
    """Whether an answer holds reasoning, in any of its forms."""
    if message.get("role") != "assistant":
        return False
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    thought = any(part.get("type") in REASONING for part in parts if isinstance(part, Mapping))
    texts = [text for part in parts if (text := text_of(part))]
    spelled = bool(texts) and _THINK.match(texts[0]) is not None
    return thought or spelled or any(bool(message.get(name)) for name in REASONING)


def without_reasoning(text: str) -> str:
    """An answer's text without the reasoning at its start."""
    return _THINK.sub("", text)


def text_of(part: object) -> str | None:
    """The text of a content part: a plain one, a `text`, or what is said in place of an answer (`refusal`)."""
    if isinstance(part, Mapping):
        return next((part[name] for name in ("text", "refusal") if isinstance(part.get(name), str)), None)
    return part if isinstance(part, str) else None


def no_text(part: object) -> str | None:
    """The type of a content part that is no text and no reasoning."""
    kind = part.get("type") if isinstance(part, Mapping) and text_of(part) is None else None
    return str(kind) if kind is not None and kind not in REASONING else None


def turned(line: str) -> bool:
    """Whether a text holds marks of writing direction."""
    return _DIRECTION.search(line) is not None


def _talks(record: Fields) -> Iterator[Sequence[Fields]]:
    """The lists of messages of a record, the main one first; a preference's answer may be a text."""
    source = record.get("input")
    inner = source.get("messages") if isinstance(source, Mapping) else None
    for value in (record.get("messages") or record.get("traj"), record.get("prompt"), inner):
        if isinstance(value, list):
            yield [message for message in value if isinstance(message, Mapping)]
    for name in ("chosen", "rejected", "preferred_output", "non_preferred_output"):
        value = record.get(name)
        answer = {"role": "assistant", "content": value} if isinstance(value, str) else value
        answers = answer[-1:] if isinstance(answer, list) else [answer]
        yield [message for message in answers if isinstance(message, Mapping)]


def _calls(record: Fields, talks: Sequence[Sequence[Fields]]) -> Counter[str]:
    inner = record.get("input")
    source = inner if isinstance(inner, Mapping) else record
    tools, counts = offered(source.get("tools") or source.get("functions")), Counter[str]()
    for message in (message for talk in talks for message in talk if learnt(message)):
        for call in calls_of(message):
            function = function_of(call)
            name = function.name if function else ""
            counts["not_offered"] += name not in tools
            bare = function is not None and function.arguments in (None, "", "null", "{}", {})
            counts["no_arguments"] += bool(bare and name in tools and tools[name].required)
    return counts
