"""How every plot is drawn: twice in one style, as a PNG for MLflow and as an SVG in the page's colours."""

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from temper.home import home

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, LINE = "#1f2933", "#d5dbe1"
"""Text and grid on white."""
INK_MARK, LINE_MARK = "#010203", "#040506"
"""Stand-ins for both in an SVG, which the page's own colours replace."""

PIXELS_A_POINT = 1.5
"""How large the page shows every plot, so that the same text has the same size in all of them."""


def draw(name: str, plot: "Callable[[], Figure | None]") -> tuple[bytes, str] | None:
    """The figure that `plot` makes as a PNG and as an SVG to put into a page; None when it makes none."""
    with _style(INK, LINE, name):
        png = _saved(plot(), "png", facecolor="white")
    with _style(INK_MARK, LINE_MARK, name):
        svg = _saved(plot(), "svg", transparent=True)
    return (png, _inline(svg.decode())) if png and svg else None


def figure_of(width: float, height: float, panels: int) -> "tuple[Figure, list[Axes]]":
    """A figure in inches with panels side by side, without pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


@contextmanager
def _style(ink: str, line: str, salt: str) -> Iterator[None]:
    os.environ.setdefault("MPLCONFIGDIR", str(home() / "matplotlib"))  # its font cache is state, too
    import matplotlib

    style: Any = {
        "axes.axisbelow": True,
        "axes.edgecolor": line,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.labelcolor": ink,
        "axes.spines.left": False,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 10,
        "axes.titlecolor": ink,
        "axes.titlelocation": "left",
        "font.size": 9,
        "grid.color": line,
        "hatch.linewidth": 0.8,
        "legend.frameon": False,
        "legend.handlelength": 1.1,
        "savefig.dpi": 160,
        "svg.fonttype": "none",
        "svg.hashsalt": salt,  # identities that differ between the plots of one page and not between two runs
        "text.color": ink,
        "xtick.color": ink,
        "xtick.bottom": False,
        "ytick.color": ink,
        "ytick.left": False,
    }
    with matplotlib.rc_context(style):
        yield


def _saved(figure: "Figure | None", kind: str, **options: Any) -> bytes | None:
    if figure is None:
        return None
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None, **options)
    return buffer.getvalue()


def _inline(svg: str) -> str:
    """The drawing alone, in the page's colours and font; as wide as its inches say, or as the page if that is less."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.S)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="([\d.]+)pt"', _limited, svg, count=1)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 var(--font)", svg)
    return svg.replace(INK_MARK, "currentColor").replace(LINE_MARK, "var(--line)")


def _limited(tag: re.Match[str]) -> str:
    return f'{tag[1]} style="max-width: {float(tag[2]) * PIXELS_A_POINT:.0f}px"'
