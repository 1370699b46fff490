"""The lineage as a drawing: stages from left to right, a line where one took what another had made."""

from collections import defaultdict
from dataclasses import dataclass

from temper.report.schema import Node

WIDTH, HEIGHT, GAP_X, GAP_Y = 126, 42, 32, 14
"""Boxes and the room between them, in SVG units."""


@dataclass(frozen=True)
class Box:
    """One stage on the drawing."""

    node: Node
    cached: bool
    x: int
    y: int

    @property
    def digest(self) -> str:
        """Start of the digest of what the stage made, for people to compare."""
        artifacts = self.node.artifacts
        first = artifacts.get("model") or artifacts.get("data") or next(iter(artifacts.values()), self.node.key)
        return first.removeprefix("sha256:")[:10]


@dataclass(frozen=True)
class Drawing:
    """Boxes, curves between them (SVG path data) and the room that they take."""

    boxes: list[Box]
    curves: list[str]
    width: int
    height: int


def draw(nodes: list[Node], cached: dict[str, bool]) -> Drawing:
    """Place every stage one column right of the last stage that it took something from."""
    makers = {digest: node.stage for node in reversed(nodes) for digest in node.artifacts.values()}
    parents = {
        node.stage: sorted({makers[digest] for digest in node.inputs.values() if digest in makers} - {node.stage})
        for node in nodes
    }
    columns: dict[str, int] = {}
    for node in nodes:  # results come in the order of the flow: parents first
        columns[node.stage] = 1 + max((columns.get(parent, 0) for parent in parents[node.stage]), default=-1)
    rows: dict[int, int] = defaultdict(int)
    boxes: dict[str, Box] = {}
    for node in nodes:
        column = columns[node.stage]
        x, y = column * (WIDTH + GAP_X), rows[column] * (HEIGHT + GAP_Y)
        boxes[node.stage] = Box(node, cached.get(node.stage, False), x, y)
        rows[column] += 1
    curves = [_curve(boxes[parent], boxes[stage]) for stage, above in parents.items() for parent in above]
    width = (max(columns.values(), default=0) + 1) * (WIDTH + GAP_X) - GAP_X
    return Drawing(list(boxes.values()), curves, width, max(rows.values(), default=1) * (HEIGHT + GAP_Y) - GAP_Y)


def _curve(source: Box, target: Box) -> str:
    x0, y0 = source.x + WIDTH, source.y + HEIGHT // 2
    x1, y1 = target.x, target.y + HEIGHT // 2
    return f"M{x0},{y0} C{x0 + GAP_X},{y0} {x1 - GAP_X},{y1} {x1},{y1}"
