"""An audit as tables in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from typetally.audit.problems import Kind
from typetally.audit.report import Report, counts_text, length_text, problem_lists, total
from typetally.report.terminal import STYLES

_SHOWN_LINES = 8
_EXAMPLE_LENGTH = 70
_SHOWN_KINDS = 10


def print_report(report: Report, name: str, console: Console) -> None:
    """Everything that was found: first what the data holds, then what is wrong with it."""
    console.print(
        f"[bold]{escape(name)}[/]: {report.lines:,} lines with text, {report.samples:,} samples, "
        f"{report.answers:,} answers; {counts_text(report.formats)}"
    )
    console.print(_label_table(report))
    console.print(f"typed: {report.typed_share:.1%} of the tokens; grammars: {counts_text(report.grammars)}")
    for title, lengths in (("answers", report.answer_lengths), ("samples", report.sample_lengths)):
        if lengths is not None:
            console.print(f"length of {title}, in tokens: {length_text(lengths)}")
    for scale in report.scales:
        console.print(
            f"coordinates of {scale.label}, {scale.grammar}: {scale.values:,}, {scale.scale}",
            markup=False,
            highlight=False,
        )
    for entry in report.unmatched:
        console.print(f"include: no sample has the label {entry!r}", style="yellow", markup=False)
    for title, kinds in problem_lists(report):
        if kinds:
            _print_problems(title, kinds, console)
    if not report.has_findings:
        console.print("nothing to look at", style="green")


def _label_table(report: Report) -> Table:
    table = Table(title="tokens of answers, by data set label and type", title_justify="left")
    table.add_column("label", overflow="ellipsis", no_wrap=True, min_width=12)
    table.add_column("include")
    for heading in ("answers", "tokens"):
        table.add_column(heading, justify="right")
    for kind in ("desc", "coord", "format"):
        table.add_column(Text(kind, STYLES[kind]), justify="right")
    rows = [(label.label, "matches" if label.counts else "no", label.answers, label.tokens) for label in report.labels]
    if len(rows) > 1:
        rows.append(("all", "", report.answers, report.tokens))
    for label, matches, answers, tokens in rows:
        shares = [_share(count, tokens.total) for count in (tokens.desc, tokens.coord, tokens.format)]
        table.add_row(Text(label), matches, f"{answers:,}", f"{tokens.total:,}", *shares)
    return table


def _share(count: int, whole: int) -> str:
    return f"{count:,} ({count / whole:.0%})" if whole else "0"


def _print_problems(title: str, kinds: list[Kind], console: Console) -> None:
    table = Table(title=f"{title}: {total(kinds):,}", title_justify="left", title_style="bold yellow")
    table.add_column("what, and an example", overflow="fold")
    table.add_column("count", justify="right")
    table.add_column("lines", overflow="fold")
    for kind in kinds[:_SHOWN_KINDS]:
        lines = list(dict.fromkeys(kind.lines))
        more = ", ..." if len(lines) > _SHOWN_LINES or kind.count > len(kind.lines) else ""
        what = Text(kind.kind)
        if example := kind.examples[0].text:
            what.append(f"\n{repr(example[:_EXAMPLE_LENGTH])[1:-1]}", "dim")
        table.add_row(what, f"{kind.count:,}", ", ".join(map(str, lines[:_SHOWN_LINES])) + more)
    console.print(table)
    if len(kinds) > _SHOWN_KINDS:
        console.print(f"and {len(kinds) - _SHOWN_KINDS} more kinds: see --json")
