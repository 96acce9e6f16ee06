"""Draws bars as an SVG, for light and dark backgrounds."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from bench.svg_chart import STYLE, WIDTH

ROW, TOP, LABELS, VALUES = 24, 32, 250, 70
"""Heights of a row and of the title; widths of the labels, and of the space for values."""
BAR = """
  .bar { fill: #0969da; }
  @media (prefers-color-scheme: dark) { .bar { fill: #58a6ff; } }
"""


def render_bars(title: str, bars: Mapping[str, float]) -> str:
    """Return the SVG: a bar for each value, in the order given, with its label."""
    height = TOP + len(bars) * ROW + 8
    most = max(bars.values())
    digits = 0 if most >= 100 else 1
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}{BAR}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text x="8" y="18">{escape(title)}</text>',
    ]
    for row, (label, value) in enumerate(bars.items()):
        y, length = TOP + row * ROW, value / most * (WIDTH - LABELS - VALUES)
        middle = y + ROW / 2 + 4
        drawn += [
            f'<text x="{LABELS - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="bar" x="{LABELS}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}"/>',
            f'<text x="{LABELS + length + 8:.1f}" y="{middle}">{value:,.{digits}f}</text>',
        ]
    return "\n".join([*drawn, "</svg>", ""])
