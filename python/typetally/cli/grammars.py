"""`typetally grammars`."""

from __future__ import annotations

import json
from typing import Annotated

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import Option

from typetally.base.token_type import TYPE_NAMES
from typetally.report.terminal import typed_text, types_legend
from typetally.text.grammar import GrammarInfo, describe_grammars, make_marker


def grammars(
    as_json: Annotated[bool, Option("--json", help="Print a JSON list: name, summary, example and its spans.")] = False,
) -> None:
    """List the answer formats that typetally knows, each with an example in the colours of its types."""
    known = [(info, make_marker(info.name).spans(info.example.encode())) for info in describe_grammars()]
    if as_json:
        print(json.dumps([_record(info, spans) for info, spans in known], ensure_ascii=False))
        return
    table = Table(show_lines=True)
    table.add_column("grammar", style="bold", no_wrap=True)
    table.add_column("summary and example", overflow="fold")
    for info, spans in known:
        table.add_row(info.name, Text(info.summary + "\n").append_text(typed_text(info.example.encode(), spans)))
    console = Console()
    console.print(table)
    console.print(types_legend())
    console.print("auto picks the grammar of each answer from its text; unmarked text is prose, all desc.")


def _record(info: GrammarInfo, spans: list[tuple[int, int, int]]) -> dict[str, object]:
    named = [[begin, end, TYPE_NAMES[kind]] for begin, end, kind in spans]
    return {"name": info.name, "summary": info.summary, "example": info.example, "spans": named}
