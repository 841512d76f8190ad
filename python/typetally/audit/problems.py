"""Problems by kind, with the lines they are on, in memory that does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_KINDS = 100
_LINES = 100
_EXAMPLES = 3
_EXAMPLE_LENGTH = 300
_OTHERS = "other kinds"


@dataclass(frozen=True)
class Example:
    """The line and the beginning of what is wrong in it; empty where the kind says it all."""

    line: int
    text: str


@dataclass(frozen=True)
class Kind:
    """One kind of problem: how often, on which lines first, and a few examples."""

    kind: str
    count: int
    lines: list[int]
    examples: list[Example]


@dataclass
class Problems:
    """Counts every problem; keeps the first 100 lines and 3 examples of each of the first 100 kinds."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: dict[str, list[int]] = field(default_factory=dict)
    examples: dict[str, list[Example]] = field(default_factory=dict)

    def add(self, kind: str, line: int, text: str | Callable[[], str], count: int = 1) -> None:
        """`count` problems of a kind on one line; `text` shows the first, or makes what does where it is kept."""
        kind = self._place(kind)
        self.counts[kind] += count
        if len(self.lines[kind]) < _LINES:
            self.lines[kind].append(line)
        if len(self.examples[kind]) < _EXAMPLES:
            text = text if isinstance(text, str) else text()
            self.examples[kind].append(Example(line, text[:_EXAMPLE_LENGTH]))

    def merge(self, other: Problems) -> None:
        """Adds what was found in lines after, or before, these."""
        for kind, count in other.counts.items():
            place = self._place(kind)
            self.counts[place] += count
            self.lines[place] = sorted(self.lines[place] + other.lines[kind])[:_LINES]
            examples = self.examples[place] + other.examples[kind]
            self.examples[place] = sorted(examples, key=lambda example: example.line)[:_EXAMPLES]

    @property
    def total(self) -> int:
        return self.counts.total()

    def report(self) -> list[Kind]:
        """The kinds, most common first."""
        order = sorted(self.counts, key=lambda kind: (-self.counts[kind], kind))
        return [Kind(kind, self.counts[kind], self.lines[kind], self.examples[kind]) for kind in order]

    def _place(self, kind: str) -> str:
        if kind not in self.counts and len(self.counts) >= _KINDS:
            kind = _OTHERS
        if kind not in self.counts:
            self.counts[kind] = 0
            self.lines[kind] = []
            self.examples[kind] = []
        return kind
