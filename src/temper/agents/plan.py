"""The plan language: `name = tool(arg=value)` lines, a subset of Python that is parsed with `ast` and never run.

A plan is either calls, or one `seek_information(field="...")`, or one `refuse(rule="...")`. A value is a literal or
the name of an earlier line, which is kept as `"$name"` and means what that line's call found.
"""

import ast
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from radon.metrics import HalsteadVisitor, halstead_visitor_report

from temper.domains.base import Call, Domain, Tool, Understanding
from temper.rows import Value

LONGEST = 2000
"""Characters beyond which an answer is not read."""


class Malformed(Exception):
    """A model's answer that does not follow its role's format; the message says why, in a few words."""


@dataclass(frozen=True)
class Plan:
    """What the Planner decided: calls to make, or a field to ask for, or a rule to refuse by."""

    calls: tuple[Call, ...] = ()
    ask: str | None = None
    refuse: str | None = None

    def text(self) -> str:
        """The canonical source of the plan: two equal plans have equal texts."""
        if self.ask:
            return f'seek_information(field="{self.ask}")'
        if self.refuse:
            return f'refuse(rule="{self.refuse}")'
        lines = []
        for name, (tool, arguments) in zip("abcdefgh", self.calls, strict=False):
            inputs = ", ".join(f"{key}={_source(value)}" for key, value in arguments.items())
            lines.append(f"{name} = {tool}({inputs})")
        return "\n".join(lines)


def _source(value: Value) -> str:
    if isinstance(value, str):
        return value[1:] if value.startswith("$") else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def parse(text: str, tools: Mapping[str, Tool]) -> Plan:
    """Read a model's plan against the tool list. Raises Malformed, and nothing else, whatever the text is."""
    tree = _tree(text)
    if not tree.body:
        raise Malformed("empty plan")
    if len(tree.body) > 8:
        raise Malformed("more than 8 lines")
    names: dict[str, str] = {}
    calls: list[Call] = []
    for index, node in enumerate(tree.body):
        call, target = _call_of(node)
        tool, arguments = _arguments(call, names)
        if tool in ("seek_information", "refuse"):
            if len(tree.body) > 1:
                raise Malformed(f"{tool} stands alone")
            return _special(tool, arguments)
        calls.append(check((tool, arguments), tools))
        if target:
            names[target] = "abcdefgh"[index]
    return Plan(calls=tuple(calls))


def check(call: Call, tools: Mapping[str, Tool]) -> Call:
    """The call with its arguments in the schema's order; an optional one that is None is left out, as if not named.

    Raises Malformed for an unknown tool or wrong arguments.
    """
    name, arguments = call
    if name not in tools:
        raise Malformed(f"unknown tool {name[:40]}")
    references = {key: value for key, value in arguments.items() if isinstance(value, str) and value.startswith("$")}
    fields = tools[name].arguments.model_fields
    try:
        literal = {key: "" if key in references else value for key, value in arguments.items()}
        read = tools[name].arguments.model_validate(literal)
    except ValidationError as error:
        first = error.errors()[0]
        raise Malformed(f"{name}: {'.'.join(map(str, first['loc']))[:40]}: {first['type']}") from None
    named = [key for key in fields if arguments.get(key) is not None]
    return name, {key: references.get(key, getattr(read, key)) for key in named}


def planned(domain: Domain, state: Understanding) -> tuple[Call, ...]:
    """The domain's calls for what is understood; an optional argument that it gives as None is left out."""
    return tuple(
        (name, {key: value for key, value in arguments.items() if value is not None})
        for name, arguments in domain.plan(state)
    )


def volume(text: str) -> float:
    """Halstead volume in bits, by radon, with calls and assignments counted as operators and arguments as operands.

    Source: Halstead, Elements of Software Science, 1977: N log2(n), N all and n distinct operators and operands.
    """
    visitor = _CallVisitor()
    visitor.visit(_tree(text))
    value = halstead_visitor_report(visitor).volume
    return float(value) if math.isfinite(value) else 0.0


class _CallVisitor(HalsteadVisitor):
    """radon's visitor counts arithmetic alone; a plan is made of calls."""

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else "?"
        self.operators += 1
        self.operators_seen.add(name)
        for keyword in node.keywords:
            self.operands += 1
            self.operands_seen.add((keyword.arg, ast.dump(keyword.value)))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.operators += 1
        self.operators_seen.add("=")
        self.generic_visit(node)


def _tree(text: str) -> ast.Module:
    if len(text) > LONGEST:
        raise Malformed("too long")
    try:
        with warnings.catch_warnings():  # Python comments on what it reads; nobody here wrote it
            warnings.simplefilter("ignore")
            return ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Malformed("not a plan") from None


def _call_of(node: ast.stmt) -> tuple[ast.Call, str | None]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return node.value, None
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.targets) == 1:
        target = node.targets[0]
        if isinstance(target, ast.Name):
            return node.value, target.id
    raise Malformed("a line is not `name = tool(arg=value)`")


def _arguments(call: ast.Call, names: Mapping[str, str]) -> Call:
    if not isinstance(call.func, ast.Name):
        raise Malformed("a tool is not a plain name")
    if call.args:
        raise Malformed("arguments need their names")
    arguments: dict[str, Value] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in arguments:
            raise Malformed("arguments need their names, once each")
        arguments[keyword.arg] = _value(keyword.value, names)
    return call.func.id, arguments


def _value(node: ast.expr, names: Mapping[str, str]) -> str | int | float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float)):
        if isinstance(node.value, str) and node.value.startswith("$"):
            raise Malformed("a text starts with $")
        return node.value
    if isinstance(node, ast.Name) and node.id in names:
        return f"${names[node.id]}"
    raise Malformed("a value is neither a literal nor an earlier name")


def _special(tool: str, arguments: Mapping[str, Value]) -> Plan:
    key = "field" if tool == "seek_information" else "rule"
    value = arguments.get(key)
    if set(arguments) != {key} or not isinstance(value, str) or not value.isidentifier():
        raise Malformed(f"{tool} takes {key} alone")
    return Plan(ask=value) if tool == "seek_information" else Plan(refuse=value)
