"""`typetally grammars`."""

from __future__ import annotations

import json
from typing import Annotated

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Option

from typetally.base.token_type import TYPE_NAMES
from typetally.report.shown_tokens import show_token
from typetally.report.terminal import typed_lines, typed_text, types_legend
from typetally.text.grammar import GrammarInfo, describe_grammars, make_marker

Spans = list[tuple[int, int, int]]


def grammars(
    as_json: Annotated[bool, Option("--json", help="Print a JSON list: name, summary, example and its spans.")] = False,
) -> None:
    """List the answer formats that typetally knows, each with an example and the types of its text."""
    known = [(info, make_marker(info.name).spans(info.example.encode())) for info in describe_grammars()]
    if as_json:
        print(json.dumps([_record(info, spans) for info, spans in known], ensure_ascii=False))
        return
    console = Console()
    if console.color_system is None:
        _print_lines(known)
    else:
        _print_table(known, console)
    print("auto picks the grammar of each answer from its text; unmarked text is prose, all desc.")


def _print_lines(known: list[tuple[GrammarInfo, Spans]]) -> None:
    for info, spans in known:
        example = info.example.encode()
        print(f"{info.name}: {info.summary}")
        for line in typed_lines(show_token(example[begin:end], kind) for begin, end, kind in spans):
            print(line)


def _print_table(known: list[tuple[GrammarInfo, Spans]], console: Console) -> None:
    table = Table(show_lines=True)
    table.add_column("grammar", style="bold", no_wrap=True)
    table.add_column("summary and example", overflow="fold")
    for info, spans in known:
        table.add_row(info.name, Text(info.summary + "\n").append_text(typed_text(info.example.encode(), spans)))
    console.print(table)
    console.print(types_legend())


def _record(info: GrammarInfo, spans: Spans) -> dict[str, object]:
    named = [[begin, end, TYPE_NAMES[kind]] for begin, end, kind in spans]
    return {"name": info.name, "summary": info.summary, "example": info.example, "spans": named}
