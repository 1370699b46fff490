"""Records of the known forms as rows of the three training sets; one that fits none raises `Refused` with the reason.

Known forms: OpenAI chat (`messages`, with `tools` and `tool_calls`), preferences (`prompt`, `chosen`, `rejected`, or
OpenAI's `input`, `preferred_output`, `non_preferred_output`), tau-bench's trajectories (`traj`), T1's CSV (`ID`,
`Filled_Template`, `Filled_Plan`) and documents (`text`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from temper.rows import Message

Row = dict[str, Any]
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


class Refused(Exception):
    """A record that cannot become a row, with the reason."""


def conversation(record: Mapping[str, Any]) -> list[Row]:
    """An SFT row for each thing that the assistant said or called: what stood before it is the prompt."""
    messages = record.get("messages") or record.get("traj")
    if not isinstance(messages, (list, tuple)) or not messages:
        raise Refused("no `messages` (or `traj`)")
    if "traj" in record and not _solved(record):
        raise Refused(f"reward {record.get('reward')}: only solved trajectories are examples")
    talk, rows = _system(record.get("tools")), []
    for number, message in enumerate(messages):
        role, text = _said(message, number)
        if role == "assistant" and talk and talk[-1]["role"] == "user":
            rows.append({"role": "assistant", "prompt": list(talk), "completion": [{"role": role, "content": text}]})
        talk = _joined(talk, role, text)
    if not rows:
        raise Refused("the assistant says nothing that follows a user")
    return rows


def preference(record: Mapping[str, Any]) -> list[Row]:
    """One DPO row: a prompt, the better answer, the worse one."""
    asked = record.get("prompt", record.get("input"))
    if isinstance(asked, Mapping):
        tools, asked = asked.get("tools"), asked.get("messages")
    else:
        tools = record.get("tools")
    better = _answer(record.get("chosen", record.get("preferred_output")), "chosen")
    worse = _answer(record.get("rejected", record.get("non_preferred_output")), "rejected")
    if asked is None and isinstance(record.get("chosen"), (list, tuple)):
        asked = record["chosen"][:-1]  # both answers repeat the whole conversation
    if better == worse:
        raise Refused("chosen and rejected are the same")
    prompt = _system(tools)
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    for number, message in enumerate(asked if isinstance(asked, (list, tuple)) else []):
        prompt = _joined(prompt, *_said(message, number))
    if not prompt or prompt[-1]["role"] != "user":
        raise Refused("the prompt does not end with a user's message")
    return [
        {"role": "assistant", "kind": "own", "origin": "own", "prompt": prompt, "chosen": better, "rejected": worse}
    ]


def document(record: Mapping[str, Any]) -> list[Row]:
    """One CPT row: a title as the context that the loss leaves out, and the text."""
    text = record.get("text") or record.get("content") or record.get("completion")
    if not isinstance(text, str) or not text.strip():
        raise Refused("no `text`")
    context = record.get("context") or record.get("title") or record.get("prompt")
    return [{"prompt": f"{context}\n\n" if context else "", "completion": text.strip(), "source": "own"}]


def t1(records: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[tuple[int, list[Row] | str]]:
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
            row = {"role": "planner", "prompt": list(talk), "completion": [_message("assistant", plan)]}
            yield number, [row] if plan else []


def is_t1(record: Mapping[str, Any]) -> bool:
    """Whether a record is a line of T1's CSV."""
    return {"ID", "Filled_Template", "Filled_Plan"} <= set(record)


def _solved(record: Mapping[str, Any]) -> bool:
    reward = record.get("reward")
    return isinstance(reward, (int, float)) and abs(reward - 1) < 1e-6  # as tau-bench itself counts success


def _said(message: Any, number: int) -> tuple[str, str]:
    """A message as (role, text): calls as compact JSON, a tool's answer as what the user's side reports."""
    if not isinstance(message, Mapping) or message.get("role") not in ROLES:
        raise Refused(f"message {number} has no role of {', '.join(ROLES)}")
    role, text = str(message["role"]), _content(message.get("content"))
    calls = message.get("tool_calls")
    if calls:
        text = "\n".join(part for part in (text, _calls(calls, number)) if part)
    if not text:
        raise Refused(f"message {number} is empty")
    if role in ("tool", "function"):
        return "user", f"{message.get('name') or 'tool'}: {text}"
    return ("system" if role == "developer" else role), text


def _content(content: Any) -> str:
    if isinstance(content, (list, tuple)):  # OpenAI's content parts
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        content = "\n".join(text for text in texts if text and isinstance(text, str))
    return content.strip() if isinstance(content, str) else ""


def _calls(calls: Any, number: int) -> str:
    made = []
    for call in calls if isinstance(calls, (list, tuple)) else []:
        function = _function(call)
        if function is None:
            raise Refused(f"message {number}: a tool call without a name")
        arguments = function.get("arguments") or {}
        try:
            arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        except (ValueError, RecursionError):
            raise Refused(f"message {number}: the arguments of {function['name']} are not JSON") from None
        if not isinstance(arguments, Mapping):
            raise Refused(f"message {number}: the arguments of {function['name']} are no object")
        made.append({"name": function["name"], "arguments": arguments})
    text = json.dumps(made, separators=(",", ":"), ensure_ascii=False, default=str)  # parquet knows dates
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON within JSON has escapes of its own
        raise Refused(f"message {number}: half of a surrogate pair in a tool call") from None
    return text


def _system(tools: Any) -> list[Message]:
    """The tools' signatures as a system message, as the agents' own prompts show theirs."""
    signatures = []
    for number, tool in enumerate(tools if isinstance(tools, (list, tuple)) else []):
        function = _function(tool)
        parameters = (function or {}).get("parameters") or {}
        properties = parameters.get("properties") or {} if isinstance(parameters, Mapping) else None
        if function is None or not isinstance(properties, Mapping):
            raise Refused(f"tool {number} has no name, or parameters that are no JSON schema")
        # Parquet gives every tool the properties of all, empty where they are another's.
        names = [str(name) for name, schema in properties.items() if schema is not None]
        signatures.append(f"{function['name']}({', '.join(names)})")
    return [_message("system", f"tools: {'; '.join(signatures)}")] if signatures else []


def _function(value: Any) -> Mapping[str, Any] | None:
    """What OpenAI's form holds under `function`, or the value itself in the bare form; None if it has no name."""
    inner = value.get("function", value) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) and isinstance(inner.get("name"), str) and inner["name"] else None


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


def _answer(value: Any, name: str) -> list[Message]:
    if isinstance(value, (list, tuple)) and value:
        role, text = _said(value[-1], len(value) - 1)
    else:
        role, text = "assistant", _content(value)
    if role != "assistant" or not text:
        raise Refused(f"no `{name}` answer")
    return [_message("assistant", text)]


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
