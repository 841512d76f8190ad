"""Charts by token type as SVG: readable in light and dark, by colour, by dash and by mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from typetally.demo.history import ACCURACY, ENTROPY, LOSS, TYPES, LogLine, Points, Quantity, curve
from typetally.report import pages

_WIDTH, _HEIGHT = 330, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 58, 30, 34
_LABEL_GAP = 15  # pixels between the baselines of two labels


@dataclass(frozen=True)
class _Curve:
    name: str
    train: str
    held_out: str
    marks: list[tuple[float, float, str]]
    label_y: float
    dot: tuple[float, float]


@dataclass(frozen=True)
class _Tick:
    at: float
    text: str


@dataclass(frozen=True)
class _Chart:
    left: float
    title: str
    curves: list[_Curve]
    x_ticks: list[_Tick]
    y_ticks: list[_Tick]


def charts(lines: Sequence[LogLine]) -> Markup:
    """Accuracy, entropy and loss by type over the steps: held-out values as lines with marks, training as thin lines.

    One `<svg>` element that needs nothing else and may stand in a page or in a file.
    """
    drawn = [_chart(lines, quantity, at) for at, quantity in enumerate((ACCURACY, ENTROPY, LOSS))]
    frame = {"left": _LEFT, "right": _WIDTH - _RIGHT, "top": _TOP, "bottom": _HEIGHT - _BOTTOM}
    return pages.fill("curves.svg", charts=drawn, frame=frame, width=3 * _WIDTH, height=_HEIGHT)


def _chart(lines: Sequence[LogLine], quantity: Quantity, place: int) -> _Chart:
    held_out = {name: curve(lines, name, quantity, "eval_") for name in TYPES}
    train = {name: curve(lines, name, quantity) for name in TYPES}
    everything = [point for points in (*held_out.values(), *train.values()) for point in points]
    x_ticks = nice_ticks(max((step for step, _ in everything), default=1.0), 4)
    top = max((value for _, value in everything), default=1.0)
    y_ticks = nice_ticks(1.0 if quantity is ACCURACY else top, 5)
    scale = _Scale(x_ticks[-1], y_ticks[-1])
    present = [name for name in TYPES if held_out[name]]
    # Down to a little above the axis, whose last tick reaches under the names.
    labels = spread([scale.y(held_out[name][-1][1]) for name in present], _LABEL_GAP, _HEIGHT - _BOTTOM - 2)
    curves = [
        _Curve(
            name,
            scale.path(train[name]),
            scale.path(held_out[name]),
            _marks(name, quantity, held_out[name], scale),
            label_y,
            scale.point(held_out[name][-1]),
        )
        for name, label_y in zip(present, labels, strict=True)
    ]
    return _Chart(
        place * _WIDTH,
        quantity.title,
        curves,
        [_Tick(scale.x(value), f"{value:g}") for value in x_ticks],
        [_Tick(scale.y(value), f"{value:g}") for value in y_ticks],
    )


def _marks(name: str, quantity: Quantity, points: Points, scale: _Scale) -> list[tuple[float, float, str]]:
    """Where marks go, and what hovering over each says."""
    return [
        (*scale.point(point), f"step {point[0]:g}: {name} {quantity.title} {point[1]:{quantity.form}}")
        for point in points
    ]


@dataclass(frozen=True)
class _Scale:
    """From steps and values, both from 0, to pixels."""

    x_max: float
    y_max: float

    def x(self, step: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * step / self.x_max, 1)

    def y(self, value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / self.y_max, 1)

    def point(self, point: tuple[float, float]) -> tuple[float, float]:
        return self.x(point[0]), self.y(point[1])

    def path(self, points: Points) -> str:
        return " ".join(f"{self.x(step)},{self.y(value)}" for step, value in points)


def nice_ticks(top: float, about: int) -> list[float]:
    """Round numbers from 0 to the first at or above `top`, about as many as asked for."""
    if not top > 0:
        return [0.0, 1.0]
    raw = top / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    return [round(k * step, 10) for k in range(math.ceil(top / step - 1e-9) + 1)]


def spread(wanted: list[float], gap: float, limit: float) -> list[float]:
    """Positions near `wanted`, in its order, of which no two are closer than `gap` and none is above `limit`."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    placed = list(wanted)
    for below, above in pairwise(order):
        placed[above] = max(placed[above], placed[below] + gap)
    excess = (sum(placed) - sum(wanted)) / max(1, len(wanted))
    excess = max(excess, max(placed, default=limit) - limit)
    return [round(value - excess, 1) for value in placed]
