"""An audit as a page with charts."""

from __future__ import annotations

from dataclasses import dataclass

from typetally.audit.lengths import LengthReport
from typetally.audit.report import LabelReport, Report, Tokens, counts_text, length_text, problem_lists, total
from typetally.report import pages

_TYPES = ("desc", "coord", "format", "ignore")
_SHOWN_LABELS = 40
_SHOWN_KINDS = 30
_SHOWN_LINES = 30


@dataclass(frozen=True)
class _Part:
    name: str
    count: int
    percent: float


@dataclass(frozen=True)
class _Bar:
    label: LabelReport
    parts: list[_Part]


@dataclass(frozen=True)
class _Column:
    x: float
    height: float
    hover: str


@dataclass(frozen=True)
class _Histogram:
    title: str
    text: str
    columns: list[_Column]
    width: float
    low: int
    high: int
    most: int


def audit_page(report: Report, name: str) -> str:
    """A self-contained page of what an audit of the file `name` found."""
    lengths = (("Answers", report.answer_lengths), ("Samples", report.sample_lengths))
    return pages.fill(
        "audit.html",
        css=pages.styles("page.css", "tokens.css", "audit.css"),
        name=name,
        report=report,
        formats=counts_text(report.formats),
        grammars=[(grammar, count, 100 * count / report.answers) for grammar, count in report.grammars.items()],
        all=_parts(report.tokens),
        bars=[_Bar(label, _parts(label.tokens)) for label in report.labels[:_SHOWN_LABELS]],
        more_labels=max(0, len(report.labels) - _SHOWN_LABELS),
        histograms=[_histogram(title, found) for title, found in lengths if found is not None],
        problems=[(title, total(kinds), kinds[:_SHOWN_KINDS], len(kinds)) for title, kinds in problem_lists(report)],
        shown_lines=_SHOWN_LINES,
    )


def _parts(tokens: Tokens) -> list[_Part]:
    whole = tokens.total
    named = zip(_TYPES, tokens.values, strict=True)
    return [_Part(name, count, 100 * count / whole) for name, count in named if count]


def _histogram(title: str, lengths: LengthReport) -> _Histogram:
    most = max(one.count for one in lengths.histogram)
    width = 100 / len(lengths.histogram)
    columns = [
        _Column(at * width, 100 * one.count / most, f"{one.low:,} to {one.high:,} tokens: {one.count:,}")
        for at, one in enumerate(lengths.histogram)
    ]
    high = lengths.histogram[-1].high
    return _Histogram(title, length_text(lengths), columns, width, lengths.min, high, most)
