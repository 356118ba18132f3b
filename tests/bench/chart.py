"""A bar chart as SVG: how many times better than the better peer, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, log2

LEFT, RIGHT, TOP, STEP, BAR = 300, 90, 60, 24, 14
WIDTH = 520
MET, MISSED, GOAL, INK = "#2f7d4f", "#c4553b", "#222222", "#333333"
FONT = f'font-family="sans-serif" font-size="12" fill="{INK}"'


@dataclass(frozen=True, slots=True)
class Bar:
    """One row."""

    title: str
    times: float
    """More is better: 2 is twice the rate, or half the time."""
    goal: float | None
    is_met: bool


def draw(title: str, bars: Sequence[Bar]) -> str:
    """Return the chart. The scale is logarithmic, so that 2 and 1/2 lie equally far from 1."""
    reach = [abs(log2(bar.times)) for bar in bars] + [
        abs(log2(bar.goal)) for bar in bars if bar.goal
    ]
    doublings = max(1, ceil(max(reach, default=1.0)))
    scale = WIDTH / (2 * doublings)
    middle = LEFT + WIDTH / 2
    height = TOP + STEP * len(bars) + 30
    width = LEFT + WIDTH + RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" {FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="16" y="26" font-size="16">{escape(title)}</text>',
    ]
    for power in range(-doublings, doublings + 1):
        x = middle + power * scale
        label = f"{2**power} x" if power >= 0 else f"1/{2**-power}"
        stroke = INK if power == 0 else "#dddddd"
        parts.append(
            f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{height - 24}" stroke="{stroke}"/>'
        )
        parts.append(f'<text x="{x}" y="{height - 8}" text-anchor="middle">{label}</text>')
    for number, bar in enumerate(bars):
        parts += _bar(bar, TOP + number * STEP, middle, scale)
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, y: float, middle: float, scale: float) -> list[str]:
    length = log2(bar.times) * scale
    colour = MET if bar.is_met else MISSED
    start, end = min(middle, middle + length), max(middle, middle + length)
    parts = [
        f'<text x="{LEFT - 10}" y="{y + 11}" text-anchor="end">{escape(bar.title)}</text>',
        f'<rect x="{start:.1f}" y="{y}" width="{abs(length):.1f}" height="{BAR}" fill="{colour}"/>',
        f'<text x="{end + 6:.1f}" y="{y + 11}">{bar.times:.2f}</text>',
    ]
    if bar.goal:
        x = middle + log2(bar.goal) * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{y - 3}" x2="{x:.1f}" y2="{y + BAR + 3}" stroke="{GOAL}"'
            ' stroke-width="2"/>'
        )
    return parts
