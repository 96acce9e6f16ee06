"""Draws lines over time as an SVG, for light and dark backgrounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log10
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 840, 190, 56, 16, 44, 46
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .paper { fill: #ffffff; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .line { fill: none; stroke-width: 2; }
  .line0 { stroke: #0969da; } .label0 { fill: #0969da; }
  .line1 { stroke: #bc4c00; } .label1 { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .paper { fill: #0d1117; } .grid { stroke: #3d444d; }
    .line0 { stroke: #58a6ff; } .label0 { fill: #58a6ff; }
    .line1 { stroke: #f0883e; } .label1 { fill: #f0883e; }
  }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart, and its label."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel with up to two lines of the same unit."""

    unit: str
    lines: Sequence[Line]


def render_svg(title: str, *, x_label: str, x_max: int, panels: Sequence[Panel]) -> str:
    """Return the SVG: panels one below the other, with the same horizontal axis from 0."""
    height = TOP + len(panels) * (HEIGHT + GAP)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text x="{LEFT}" y="18">{escape(title)}</text>',
    ]
    for index, panel in enumerate(panels):
        drawn += _panel(panel, TOP + index * (HEIGHT + GAP), x_label=x_label, x_max=x_max)
    return "\n".join([*drawn, "</svg>", ""])


def _panel(panel: Panel, top: float, *, x_label: str, x_max: int) -> list[str]:
    step = _grid_step(max(y for line in panel.lines for _, y in line.points))
    y_max = step * ceil(max(y for line in panel.lines for _, y in line.points) / step)
    base, right = top + HEIGHT, WIDTH - RIGHT

    def place(x: float, y: float) -> str:
        return f"{LEFT + x / x_max * (right - LEFT):.1f},{base - y / y_max * HEIGHT:.1f}"

    drawn = []
    for value in range(0, y_max + 1, step):
        y = base - value / y_max * HEIGHT
        drawn.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    for hour in range(0, x_max + 1, 3):
        x = LEFT + hour / x_max * (right - LEFT)
        drawn.append(f'<text x="{x:.1f}" y="{base + 17}" text-anchor="middle">{hour}</text>')
    drawn.append(f'<text x="{right}" y="{base + 33}" text-anchor="end">{escape(x_label)}</text>')
    drawn.append(f'<text x="4" y="{top - 8}">{escape(panel.unit)}</text>')
    for index, line in enumerate(panel.lines):
        points = " ".join(place(x, y) for x, y in drop_level_points(line.points))
        drawn.append(f'<polyline class="line line{index}" points="{points}"/>')
        drawn.append(
            f'<text class="label{index}" x="{right - 70 * (len(panel.lines) - 1 - index)}" '
            f'y="{top - 8}" text-anchor="end">{escape(line.name)}</text>'
        )
    return drawn


def _grid_step(y_max: float) -> int:
    """Return the distance of grid lines, so that there are about five lines."""
    rough = max(1.0, y_max / 5)
    power: int = 10 ** int(log10(rough))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= rough)


def drop_level_points(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points without those whose value both neighbours have, too."""
    inner = [
        point
        for (before, point), after in zip(pairwise(points), points[2:], strict=False)
        if not before[1] == point[1] == after[1]
    ]
    return [points[0], *inner, points[-1]]
