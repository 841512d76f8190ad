"""What a demo run found: as tables in the terminal and as one page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table
from rich.text import Text

from typetally.collator.notes import Coverage
from typetally.demo.curves import charts
from typetally.demo.history import ACCURACY, ENTROPY, LOSS, TYPES, LogLine, curve, first_above, last_value
from typetally.report import pages
from typetally.report.terminal import STYLES
from typetally.report.tokens_page import Rendered
from typetally.text.data_files import BadLine

LEARNED = 0.9
"""A type counts as learned from the first step at which its held-out accuracy is at least this."""

_SHOWN_BAD_LINES = 20


@dataclass(frozen=True)
class TypedAnswer:
    """A held-out answer: its pictures and its tokens with what the trained model makes of them."""

    images: list[Image.Image]
    tokens: Rendered


@dataclass(frozen=True)
class Report:
    """Everything that is shown of a run."""

    title: str
    facts: list[str]
    lines: Sequence[LogLine]
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    """What became of the samples that were seen, by what they were seen in."""
    bad_lines: list[BadLine] = field(default_factory=list)
    answers: list[TypedAnswer] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One type's held-out figures, ready to print: (first, last) of each quantity, and how many tokens there are."""

    name: str
    figures: list[tuple[str, str]]
    count: str


QUANTITIES = (ACCURACY, ENTROPY, LOSS)


def rows(lines: Sequence[LogLine]) -> list[Row]:
    """First and last held-out values of each type that has any."""
    found = []
    for name in TYPES:
        curves = [curve(lines, name, quantity, "eval_") for quantity in QUANTITIES]
        if not all(curves):
            continue
        figures = [
            (f"{points[0][1]:{quantity.form}}", f"{points[-1][1]:{quantity.form}}")
            for points, quantity in zip(curves, QUANTITIES, strict=True)
        ]
        share, total = last_value(lines, f"eval_{name}_token_frac"), last_value(lines, "eval_tokens_total")
        found.append(Row(name, figures, f"{round((share or 0) * (total or 0)):,}"))
    return found


def learned(lines: Sequence[LogLine]) -> dict[str, float | None]:
    """For each type the first step at which its held-out accuracy was at least 0.9, or None."""
    return {name: first_above(curve(lines, name, ACCURACY, "eval_"), LEARNED) for name in TYPES}


def learned_text(lines: Sequence[LogLine]) -> str:
    """`learned` in words, in the order in which the types got there."""
    steps = learned(lines)
    there = sorted((step, name) for name, step in steps.items() if step is not None)
    parts = [f"{name} from step {step:g}" for step, name in there]
    parts += [
        f"{name} not yet" for name, step in steps.items() if step is None and curve(lines, name, ACCURACY, "eval_")
    ]
    return f"Accuracy of at least {LEARNED:g} on held-out answers: " + ", ".join(parts) + "."


def coverage_text(report: Report) -> str:
    """What became of the samples, and how much of what was supervised has a type."""
    parts = [f"{name}: {coverage}" for name, coverage in report.coverage.items()]
    share = last_value(report.lines, "eval_typed_frac")
    if share is not None:
        parts.append(f"{share:.1%} of the last evaluation's targets are typed")
    return "Coverage: " + "; ".join(parts) + "."


def print_report(report: Report, console: Console) -> None:
    """The table by type, what was learned when, coverage, and the lines that could not be used."""
    table = Table(title="held-out answers, first → last")
    for heading in ("type", *(quantity.title for quantity in QUANTITIES), "count"):
        table.add_column(heading, justify="left" if heading == "type" else "right")
    for row in rows(report.lines):
        cells = [f"{first} → {last}" for first, last in row.figures]
        table.add_row(Text(row.name, STYLES[row.name]), *cells, row.count)
    console.print(table)
    console.print(learned_text(report.lines))
    console.print(coverage_text(report))
    for bad in report.bad_lines[:_SHOWN_BAD_LINES]:
        console.print(f"line {bad.number}: {bad.reason}", style="yellow", markup=False, highlight=False)
    if report.bad_lines:
        console.print(f"{len(report.bad_lines)} lines skipped", style="yellow")


def write_page(report: Report, path: Path) -> None:
    """Writes the report as one page that refers to nothing outside itself."""
    answers = [
        {"images": [_data_uri(image) for image in answer.images], "tokens": pages.markup(answer.tokens.fragment)}
        for answer in report.answers
    ]
    page = pages.fill(
        "report.html",
        css=pages.styles("page.css", "tokens.css"),
        title=report.title,
        facts=report.facts,
        learned=learned_text(report.lines),
        coverage=coverage_text(report),
        curves=charts(report.lines),
        quantities=[quantity.title for quantity in QUANTITIES],
        rows=rows(report.lines),
        answers=answers,
        bad_lines=report.bad_lines[:_SHOWN_BAD_LINES],
        bad_count=len(report.bad_lines),
    )
    path.write_text(page, encoding="utf-8")


def _data_uri(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
