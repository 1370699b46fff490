"""Records of the known forms as rows of the three training sets; one that fits none raises `Refused` with the reason.

Known forms: OpenAI chat (`messages`, with `tools` and `tool_calls`), preferences (`prompt`, `chosen`, `rejected`, or
OpenAI's `input`, `preferred_output`, `non_preferred_output`), tau-bench's trajectories (`traj`), T1's CSV (`ID`,
`Filled_Template`, `Filled_Plan`) and documents (`text`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from temper.rows import ChatRow, Document, Message, PairRow, pair, spoken
from temper.traces.calls import Fields, Refused, Schema, answered, arguments_of, calls_of, function_of, offered
from temper.traces.calls import learnt as learnt_of
from temper.traces.remarks import no_text, reasons, text_of, without_reasoning

Row = ChatRow | PairRow | Document
"""A row of one of the three sets; it gets its id when it is written."""
UNREAD = {
    "conversations": "ShareGPT's form (`conversations`)",
    "simulations": "tau2-bench's form (`simulations`)",
    "answers": "xLAM's form (`query`, `answers`)",
    "instruction": "Alpaca's form (`instruction`, `output`)",
    "completion": "the form of `prompt` and `completion`",
    "answer": "the form of `question` and `answer`",
}
"""Known forms that the importer cannot read, by a field that only they have."""
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def conversation(record: Fields) -> list[ChatRow]:
    """An SFT row for each answer of the assistant's, text or calls: its prompt is what stands before it."""
    if "traj" in record and not _solved(record):
        raise Refused(f"reward {record.get('reward')}: only solved trajectories are examples")
    messages = record.get("messages") or record.get("traj")
    if not isinstance(messages, (list, tuple)) or not messages:
        raise Refused(_no_messages(record))
    if not learnt_of(record):
        raise Refused("its weight is 0")
    tools = offered(record.get("tools") or record.get("functions"))
    names = answered(messages, tools)
    talk, learnt = _system(tools), True
    rows: list[ChatRow] = []
    for number, message in enumerate(messages):
        role, text = _parsed(message, number, names.get(number, ""))
        longer = _joined(talk, role, text)
        goes_on = bool(talk) and talk[-1]["role"] == "assistant"
        learnt = learnt_of(message) and (learnt or not goes_on)
        last = number + 1 == len(messages) or _role(messages[number + 1]) != "assistant"
        if role == "assistant" and last and learnt and any(earlier["role"] == "user" for earlier in talk):
            rows.append(ChatRow(id="", role=role, prompt=longer[:-1], completion=[longer[-1]]))
        talk = longer
    if not rows:
        raise Refused("the assistant says nothing to learn that follows a user")
    return rows


def _no_messages(record: Fields) -> str:
    """Why a record has no conversation to read."""
    if field := next((name for name in ("messages", "traj") if name in record), None):
        return f"`{field}` is {_kind(record[field])}"
    form = next((name for field, name in UNREAD.items() if field in record), "")
    unread = f": this is {form}, which is not read yet; convert it to OpenAI's `messages` first" if form else ""
    return f"no `messages` (or `traj`){unread}"


def preference(record: Fields) -> list[PairRow]:
    """One DPO row: a prompt, the better answer, the worse one."""
    better, before = _answer(record.get("chosen", record.get("preferred_output")), "chosen")
    worse, other = _answer(record.get("rejected", record.get("non_preferred_output")), "rejected")
    if better == worse:
        raise Refused("chosen and rejected are the same")
    if before != other:
        raise Refused("chosen and rejected answer different questions")
    question = next((record[name] for name in ("prompt", "input", "question", "messages") if name in record), None)
    source = question if isinstance(question, Mapping) else record
    messages = _messages(question)
    prompt, system = _system(offered(source.get("tools"))), record.get("system")
    if isinstance(system, str) and system.strip():
        prompt = _joined(prompt, "system", system.strip())
    if messages and before and [_parsed(m, 0) for m in messages] != [_parsed(m, 0) for m in before]:
        raise Refused("the answers begin with messages that are not the prompt")
    for number, message in enumerate(messages or before):
        prompt = _joined(prompt, *_parsed(message, number))
    if not prompt or prompt[-1]["role"] != "user":
        raise Refused("the prompt does not end with a user's message")
    return [pair(role="assistant", kind="own", origin="own", prompt=prompt, right=better, wrong=worse)]


def _messages(question: object) -> list[object]:
    """The messages of a preference's prompt: a text, a list of messages, or an object that holds the list."""
    if isinstance(question, Mapping):
        question = question.get("messages")
    if isinstance(question, str):
        return [{"role": "user", "content": question}]
    return list(question) if isinstance(question, (list, tuple)) else []


def document(record: Fields) -> list[Document]:
    """One CPT row: a title as the context that the loss leaves out, and the text."""
    text = record.get("text") or record.get("content") or record.get("completion")
    if not isinstance(text, str) or not text.strip():
        raise Refused("no `text`")
    context = record.get("context") or record.get("title") or record.get("prompt")
    return [Document(id="", prompt=f"{context}\n\n" if context else "", completion=text.strip())]


def t1(records: Iterable[tuple[int, Fields]]) -> Iterator[tuple[int, list[ChatRow] | str]]:
    """T1's CSV, one line a turn: an SFT row for each user's turn that has a plan, the talk so far as its prompt."""
    for _, turns in groupby(records, key=lambda item: item[1].get("ID")):
        talk: list[Message] = []
        for number, turn in turns:
            role, _, text = str(turn.get("Filled_Template") or "").partition(":")
            role = role.strip().lower()
            if role not in ("user", "assistant") or not text.strip():
                yield number, "Filled_Template is not `user: ...` or `assistant: ...`"
                continue
            talk = _joined(talk, role, text.strip())
            plan = str(turn.get("Filled_Plan") or "").strip() if role == "user" else ""
            row = ChatRow(id="", role="planner", prompt=list(talk), completion=spoken(plan))
            yield number, [row] if plan else []


def is_t1(record: Fields) -> bool:
    """Whether a record is a line of T1's CSV."""
    return {"ID", "Filled_Template", "Filled_Plan"} <= set(record)


def _solved(record: Fields) -> bool:
    reward = record.get("reward")
    return isinstance(reward, (int, float)) and abs(reward - 1) < 1e-6  # as tau-bench itself counts success


def _parsed(message: object, number: int, tool: str = "") -> tuple[str, str]:
    """A message as (role, text): calls as compact JSON, a tool's answer as what the user's side reports."""
    if not isinstance(message, Mapping) or message.get("role") not in ROLES:
        raise Refused(f"message {number} has no role of {', '.join(ROLES)}")
    role, text = str(message["role"]), _content(message.get("content"), f"message {number}")
    if role == "assistant":
        text = without_reasoning(text)
    calls = calls_of(message)
    if calls:
        text = "\n".join(part for part in (text, _calls(calls, number)) if part)
    if role in ("tool", "function"):  # an empty answer is an answer
        return "user", f"{tool or message.get('name') or 'tool'}: {text}".strip()
    if not text:
        thought = role == "assistant" and reasons(message)
        raise Refused(f"message {number} is empty" + (" but for its reasoning, which is not learnt" if thought else ""))
    return ("system" if role == "developer" else role), text


def _content(content: object, where: str) -> str:
    """A message's text. Parts that are no text are left out and counted (remarks.py); with nothing else, refused."""
    if isinstance(content, (list, tuple)):  # OpenAI's content parts
        texts = [text for part in content if (text := _part(part))]
        other = [kind for part in content if (kind := no_text(part))]
        if other and not texts:
            raise Refused(f"{where} holds nothing but {other[0]}: only texts can be learnt")
        content = "\n".join(texts)
    return content.replace("\0", "").strip() if isinstance(content, str) else ""


def _part(part: object) -> str:
    """The text of a content part, empty where it has none."""
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in ("tool_use", "tool_result"):
        raise Refused(f"Anthropic's content blocks ({kind}): convert them to OpenAI's form first")
    return text_of(part) or ""


def _calls(calls: Sequence[object], number: int) -> str:
    """Calls as the compact JSON that agents write."""
    values = []
    for call in calls:
        function = function_of(call)
        if function is None:
            raise Refused(f"message {number}: a tool call without a name")
        values.append({"name": function.name, "arguments": arguments_of(function, f"message {number}")})
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False, default=str)  # parquet knows dates
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON within JSON has escapes of its own
        raise Refused(f"message {number}: half of a surrogate pair in a tool call") from None
    return text


def _system(tools: Mapping[str, Schema]) -> list[Message]:
    """The tools' signatures as a system message, as the agents' own prompts show theirs."""
    signatures = [f"{name}({', '.join(schema.arguments)})" for name, schema in tools.items()]
    return [_message("system", f"tools: {'; '.join(signatures)}")] if signatures else []


def _role(message: object) -> str:
    return str(message.get("role")) if isinstance(message, Mapping) else ""


def _joined(talk: Sequence[Message], role: str, text: str) -> list[Message]:
    """The talk with one more message, in the form that chat templates ask for: one system message, first, then turns of
    user and assistant. Neighbours of one role become one message; a greeting before the user's first is left out.
    """
    if role == "system" and talk and talk[0]["role"] != "system":
        return [_message(role, text), *talk]
    at = 0 if role == "system" else len(talk) - 1
    if talk and talk[at]["role"] == role:
        return [*talk[:at], _message(role, f"{talk[at]['content']}\n{text}"), *talk[at + 1 :]]
    greeting = role == "assistant" and all(message["role"] == "system" for message in talk)
    return list(talk) if greeting else [*talk, _message(role, text)]


def _answer(value: object, name: str) -> tuple[str, list[object]]:
    """The answer's text, and the messages that it repeats before it."""
    before: list[object] = []
    if isinstance(value, Mapping):
        value = [value]
    if isinstance(value, (list, tuple)) and value:
        before = list(value[:-1])
        role, text = _parsed(value[-1], len(value) - 1)
    else:
        role, text = "assistant", without_reasoning(_content(value, f"`{name}`"))
    if role != "assistant" or not text:
        raise Refused(f"no `{name}` answer")
    return text, before


def _kind(value: object) -> str:
    """What stands where a list of messages should."""
    return "empty" if not value else f"a {type(value).__name__}, not a list of messages"


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
