"""Tools and calls of a record: what is offered, what is called, and whether calls and answers belong together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Fields = Mapping[str, object]
"""A record, or an object within one, as it was read: any field may hold anything."""


class Refused(Exception):
    """A record that cannot become a row, with the reason."""


@dataclass(frozen=True)
class Function:
    """What has a name: an offered tool or a call of one, in OpenAI's form or the bare one."""

    name: str
    parameters: object
    """An offered tool's JSON schema."""
    arguments: object
    """A call's arguments: an object, or its JSON text."""


@dataclass(frozen=True)
class Schema:
    """A tool's arguments, and those without which it cannot be called."""

    arguments: tuple[str, ...]
    required: tuple[str, ...]


def offered(tools: object) -> dict[str, Schema]:
    """The tools by name, in OpenAI's form or the bare one, as values or as JSON text. Raises Refused."""
    if isinstance(tools, str):
        try:
            tools = json.loads(tools) if tools.strip() else None
        except (ValueError, RecursionError):
            raise Refused("`tools` is a text that is not JSON") from None
    if tools is not None and not isinstance(tools, (list, tuple)):
        raise Refused("`tools` is no list")
    schemas: dict[str, Schema] = {}
    for number, tool in enumerate(tools or []):
        function = function_of(tool)
        parameters = (function.parameters if function else None) or {}
        properties = parameters.get("properties") or {} if isinstance(parameters, Mapping) else None
        if function is None or not isinstance(parameters, Mapping) or not isinstance(properties, Mapping):
            raise Refused(f"tool {number} has no name, or parameters that are no JSON schema")
        if function.name in schemas:
            raise Refused(f"the tool {function.name} is there twice")
        # Parquet gives every tool the properties of all, empty where they are another's.
        names = tuple(str(name) for name, schema in properties.items() if schema is not None)
        required = parameters.get("required")
        due = tuple(map(str, required)) if isinstance(required, (list, tuple)) else ()
        schemas[function.name] = Schema(names, due)
    return schemas


def answered(messages: Sequence[object], tools: Mapping[str, Schema]) -> dict[int, str]:
    """The called tool's name for the number of each message that answers a call.

    Raises Refused for an answer without its call, a call without its answer, and, where tools are listed, a call that
    fits none of them. Where none is listed the report counts the calls (remarks.py).
    """
    waiting: dict[str, str] = {}
    names: dict[int, str] = {}
    for number, entry in enumerate(messages):
        message: Fields = entry if isinstance(entry, Mapping) else {}
        role = message.get("role")
        if role in ("tool", "function"):
            fitting = [key for key, name in waiting.items() if message.get("name") in (None, name)]
            key = str(message.get("tool_call_id") or next(iter(fitting), ""))
            if key not in waiting:
                raise Refused(f"message {number} answers no call")
            names[number] = waiting.pop(key)
        elif waiting and role != "assistant":
            raise Refused(f"message {number}: {', '.join(waiting.values())} was called and nothing came back")
        if role == "assistant":
            for call in calls_of(message):
                function = function_of(call)
                if function is None:
                    raise Refused(f"message {number}: a tool call without a name")
                if tools and learnt(message):
                    _fits(function, tools, number)
                waiting[str(_id(call) or function.name)] = function.name
            if waiting and not calls_of(message):
                raise Refused(f"message {number}: {', '.join(waiting.values())} was called and nothing came back")
    return names


def _id(call: object) -> object:
    return call.get("id") if isinstance(call, Mapping) else None


def learnt(message: object) -> bool:
    """False where a message, or a whole record, is marked as not to be learnt."""
    marks = [message.get(name) for name in MARKS] if isinstance(message, Mapping) else []
    return not any(mark is False or mark == 0 for mark in marks)


MARKS = ("weight", "train", "loss", "trainable")
"""Fields by which data sets say that a message is not to be learnt."""


def _fits(call: Function, tools: Mapping[str, Schema], number: int) -> None:
    name = call.name
    if name not in tools:
        raise Refused(f"message {number} calls {name}, which is not offered")
    arguments, schema = arguments_of(call, f"message {number}"), tools[name]
    unknown = [key for key in arguments if key not in schema.arguments] if schema.arguments else []
    missing = [key for key in schema.required if key not in arguments] if arguments else []
    if unknown or missing:
        wrong = f"has no argument {unknown[0]}" if unknown else f"needs {missing[0]}"
        raise Refused(f"message {number}: {name} {wrong}")


def calls_of(message: Fields) -> list[object]:
    """A message's calls; OpenAI's older `function_call` is one."""
    calls = message.get("tool_calls")
    if not calls and isinstance(message.get("function_call"), Mapping):
        return [{"function": message["function_call"]}]
    return list(calls) if isinstance(calls, (list, tuple)) else []


def arguments_of(call: Function, where: str) -> Fields:
    """A call's arguments: an object, its JSON text, or that text encoded once more. Raises Refused."""
    arguments = call.arguments or {}
    for _ in range(2):
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments) or {}
            except (ValueError, RecursionError):
                raise Refused(f"{where}: the arguments of {call.name} are not JSON") from None
    if not isinstance(arguments, Mapping):
        raise Refused(f"{where}: the arguments of {call.name} are no object")
    return arguments


def function_of(value: object) -> Function | None:
    """What OpenAI's form holds under `function`, or the value itself in the bare form; None if it has no name."""
    inner = value.get("function", value) if isinstance(value, Mapping) else None
    name = inner.get("name") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(name, str) or not name:
        return None
    return Function(name, inner.get("parameters"), inner.get("arguments"))
