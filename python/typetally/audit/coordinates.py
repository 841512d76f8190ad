"""Coordinates that cannot be: outside their scale, or a box whose second corner comes before its first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from typetally.audit.problems import Kind, Problems
from typetally.base.token_type import COORD

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
# Between two numbers of one box: `, `, quotes, or the brackets between two corners.
_SAME_BOX = re.compile(rb"""["']?\s*(?:,\s*|\)\s*,?\s*\(\s*)?["']?""")
_KEY = re.compile(rb"""["'](\w+)["']\s*:[\[({\s"']*$""")

LOCATIONS = "0 to 1023"
SCALES = {"0 to 1": 1.0, "0 to 100": 100.0, "0 to 1000": 1000.0, LOCATIONS: 1023.0}
PIXELS = "pixels"
_TOLERATED = 0.01
"""The scale is the smallest that at most this share of the values exceeds."""


@dataclass(frozen=True)
class Group:
    """Numbers that stand together, and the JSON key that they are the value of."""

    values: list[float]
    key: str

    @property
    def is_box(self) -> bool:
        return len(self.values) == 4 and (not self.key or "box" in self.key)


def groups(text: bytes, spans: Sequence[tuple[int, int, int]]) -> Iterator[Group]:
    """The coordinates of an answer as they stand together; adjacent tokens form a group of their own."""
    values: list[float] = []
    key = ""
    done = 0
    for begin, end, kind in spans:
        if kind != COORD:
            continue
        found = _numbers(text[begin:end])
        gap = text[done:begin]
        if len(found) > 1 or not values or not (gap == b", " or _SAME_BOX.fullmatch(gap)):
            if values:
                yield Group(values, key)
            values = []
            if name := _KEY.search(gap):
                key = name[1].decode()
        values += found
        done = end
        if len(found) > 1:
            yield Group(values, key)
            values = []
    if values:
        yield Group(values, key)


def _numbers(text: bytes) -> list[float]:
    if text.isdigit():
        return [float(text)]
    return [float(number) for number in _NUMBER.findall(text)]


@dataclass
class ScaleCounts:
    """The values of one data set label in one grammar: how many there are, and which exceed each scale."""

    values: int = 0
    sized: int = 0
    """Values in pictures whose size the line says."""
    outside: dict[str, Problems] = field(default_factory=dict)

    def add(self, found: Sequence[Group], size: tuple[float, float] | None, line: int) -> None:
        """Adds one answer's coordinates."""
        values = [value for group in found for value in group.values]
        self.values += len(values)
        most, least = max(values), min(values)
        for name, limit in SCALES.items():
            if most > limit:
                count = len(values) if least > limit else sum(value > limit for value in values)
                worst = next(group for group in found if max(group.values) > limit)
                self._problems(name).add(f"above {limit:g}", line, partial(shown, worst), count)
        if size is None:
            return
        self.sized += len(values)
        if most > min(size):
            for group in found:
                # Gemini's box_2d has y first.
                sides = size[::-1] if group.key == "box_2d" else size
                if count := sum(value > sides[at % 2] for at, value in enumerate(group.values)):
                    self._problems(PIXELS).add("beyond the picture", line, partial(shown, group, size), count)

    def _problems(self, scale: str) -> Problems:
        return self.outside.setdefault(scale, Problems())

    def merge(self, other: ScaleCounts) -> None:
        self.values += other.values
        self.sized += other.sized
        for name, problems in other.outside.items():
            self.outside.setdefault(name, Problems()).merge(problems)

    def scale(self, grammar: str) -> tuple[str, Problems]:
        """The scale that the values fit, and what exceeds it; pixels where they fit none."""
        for name in SCALES:
            if name == LOCATIONS and grammar != "paligemma":
                continue
            problems = self.outside.get(name, Problems())
            if problems.total <= _TOLERATED * self.values:
                return name, problems
        return PIXELS, self.outside.get(PIXELS, Problems())


@dataclass(frozen=True)
class ScaleReport:
    """`outside` of `values` coordinates exceed the scale; for pixels only `checked` are in pictures of known size."""

    label: str
    grammar: str
    scale: str
    values: int
    checked: int
    outside: int


@dataclass
class Coordinates:
    """All coordinates, by (data set label, grammar)."""

    scales: dict[tuple[str, str], ScaleCounts] = field(default_factory=dict)
    wrong: Problems = field(default_factory=Problems)

    def add(self, found: Sequence[Group], place: tuple[str, str], size: tuple[float, float] | None, line: int) -> None:
        if not found:
            return
        self.scales.setdefault(place, ScaleCounts()).add(found, size, line)
        for group in found:
            for kind in _wrong(group):
                self.wrong.add(kind, line, partial(shown, group))

    def merge(self, other: Coordinates) -> None:
        self.wrong.merge(other.wrong)
        for place, counts in other.scales.items():
            self.scales.setdefault(place, ScaleCounts()).merge(counts)

    def report(self) -> tuple[list[ScaleReport], list[Kind]]:
        """The scale of each label and grammar; and the kinds of what is wrong, most common first."""
        wrong = Problems()
        wrong.merge(self.wrong)
        scales = []
        for (label, grammar), counts in sorted(self.scales.items()):
            name, outside = counts.scale(grammar)
            wrong.merge(outside)
            checked = counts.sized if name == PIXELS else counts.values
            scales.append(ScaleReport(label, grammar, name, counts.values, checked, outside.total))
        return scales, wrong.report()


def _wrong(group: Group) -> Iterator[str]:
    values = group.values
    if min(values) < 0:
        yield "negative"
    if group.is_box:
        first, second = ("y", "x") if group.key == "box_2d" else ("x", "y")
        if values[2] < values[0]:
            yield f"reversed: {first}2 < {first}1"
        if values[3] < values[1]:
            yield f"reversed: {second}2 < {second}1"
    elif "box" in group.key or (len(values) % 2 and len(values) > 1):
        yield f"{len(values)} numbers where a box has 4"


def shown(group: Group, size: tuple[float, float] | None = None) -> str:
    """A group in brackets, after its key, and the size of its picture."""
    inside = ", ".join(f"{value:g}" for value in group.values)
    text = f"{group.key}: [{inside}]" if group.key else f"[{inside}]"
    return text if size is None else f"{text} in a picture of {size[0]:g} x {size[1]:g}"
