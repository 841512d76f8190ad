"""A plan's figures and the histogram of its samples' lengths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from typetally.batch.pack_plan import PackPlan
from typetally.text.data_files import BadLine

_STEPS = 12
_BAR = 40
_SHOWN_LINES = 8


def summarize(plan: PackPlan, lengths: NDArray[np.int64], oversized: str) -> dict[str, Any]:
    """The figures of a plan over samples of these lengths, as `--json` prints them."""
    return {
        "samples": len(lengths),
        "tokens": int(lengths.sum()),
        "capacity": plan.capacity,
        "packs": len(plan),
        "lower_bound": plan.lower_bound,
        "above_bound": plan.gap,
        "efficiency": plan.efficiency,
        "samples_per_pack": len(plan.indices) / len(plan) if len(plan) else 0.0,
        "oversized": {"samples": plan.oversized, "mode": oversized},
        "dropped": plan.dropped,
        "histogram": _histogram(lengths, plan.capacity),
    }


def _histogram(lengths: NDArray[np.int64], capacity: int) -> list[dict[str, int]]:
    """Equal steps up to the longest sample that fits; those that do not share one."""
    longest = int(lengths.max(initial=0))
    step = min(longest, capacity) // _STEPS + 1
    bins = [{"from": low, "to": min(low + step - 1, capacity)} for low in range(0, min(longest, capacity) + 1, step)]
    if longest > capacity:
        bins.append({"from": capacity + 1, "to": longest})
    starts = np.array([one["from"] for one in bins])
    counts = np.bincount(np.searchsorted(starts, lengths, "right") - 1, minlength=len(bins))
    return [one | {"samples": int(count)} for one, count in zip(bins, counts, strict=True)]


def print_summary(summary: dict[str, Any], name: str, out: Path, bad: Sequence[BadLine], console: Console) -> None:
    """The same for people."""
    console.print(f"{name}: {summary['samples']:,} samples, {summary['tokens']:,} tokens", markup=False, style="bold")
    figures = Table(show_header=False, box=None)
    figures.add_column()
    figures.add_column(justify="right")
    figures.add_row("packs", f"{summary['packs']:,}")
    figures.add_row("lower bound, without oversized", f"{summary['lower_bound']:,}")
    if summary["above_bound"] is not None:
        figures.add_row("above it", f"{summary['above_bound']:.4%}")
    figures.add_row(f"full of {summary['capacity']:,} tokens", f"{summary['efficiency']:.2%}")
    figures.add_row("samples per pack", f"{summary['samples_per_pack']:.1f}")
    figures.add_row(f"oversized ({summary['oversized']['mode']})", f"{summary['oversized']['samples']:,}")
    figures.add_row("dropped", f"{summary['dropped']:,}")
    console.print(figures)
    _print_histogram(summary["histogram"], console)
    if bad:
        lines = ", ".join(str(line.number) for line in bad[:_SHOWN_LINES])
        more = ", ..." if len(bad) > _SHOWN_LINES else ""
        console.print(f"lines that cannot be used: {len(bad):,} ({lines}{more})", style="yellow")
        console.print(f"line {bad[0].number}: {bad[0].reason}", style="yellow", markup=False)
    console.print(f"plan: {out}", markup=False)


def _print_histogram(bins: Sequence[dict[str, int]], console: Console) -> None:
    highest = max((one["samples"] for one in bins), default=0)
    table = Table(title="samples by length in tokens", title_justify="left", box=None, show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for one in bins:
        bar = "█" * -(-_BAR * one["samples"] // highest) if highest else ""  # rounded up: a few are not none
        table.add_row(f"{one['from']:,} to {one['to']:,}", bar, f"{one['samples']:,}")
    console.print(table)
