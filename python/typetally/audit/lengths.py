"""How long texts are, in tokens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_BINS = 24


@dataclass(frozen=True)
class Bin:
    """How many texts have from `low` to `high` tokens, both included."""

    low: int
    high: int
    count: int


@dataclass(frozen=True)
class LengthReport:
    """Quantiles are exact: the smallest length that so large a share of the texts does not exceed."""

    count: int
    total: int
    mean: float
    min: int
    p50: int
    p90: int
    p99: int
    max: int
    histogram: list[Bin]


@dataclass
class Lengths:
    """A count of each length: exact, and as large as there are different lengths."""

    counts: Counter[int] = field(default_factory=Counter)

    def merge(self, other: Lengths) -> None:
        self.counts.update(other.counts)

    def report(self) -> LengthReport | None:
        """None where there is nothing to report."""
        count = self.counts.total()
        if not count:
            return None
        order = sorted(self.counts)
        total = sum(length * self.counts[length] for length in order)
        p50, p90, p99 = (self._quantile(order, share, count) for share in (0.5, 0.9, 0.99))
        return LengthReport(count, total, total / count, order[0], p50, p90, p99, order[-1], self._histogram(order))

    def _quantile(self, order: list[int], share: float, count: int) -> int:
        below = 0
        for length in order:
            below += self.counts[length]
            if below >= share * count:
                return length
        return order[-1]

    def _histogram(self, order: list[int]) -> list[Bin]:
        low, high = order[0], order[-1]
        width = -(-(high - low + 1) // _BINS)
        counts: Counter[int] = Counter()
        for length in order:
            counts[(length - low) // width] += self.counts[length]
        bins = -(-(high - low + 1) // width)
        ends = [min(high, low + (at + 1) * width - 1) for at in range(bins)]
        return [Bin(low + at * width, end, counts[at]) for at, end in enumerate(ends)]
