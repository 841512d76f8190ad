"""`typetally audit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from rich.console import Console
from typer import Exit, Option

from typetally.audit import Auditor, Options, Report
from typetally.audit.page import audit_page
from typetally.base.config import TokenTypeMetricsConfig
from typetally.cli.audit_table import print_report
from typetally.cli.complaints import complain, nothing_in
from typetally.cli.options import ExtraTokens, GrammarName, TokenizerPath, TrainingData, check_writable, read_grammar
from typetally.cli.progress import reading
from typetally.text.data_files import read_samples
from typetally.text.text_encoder import TextEncoder
from typetally.typing.typer import TokenTyper


def audit(
    data: TrainingData,
    tokenizer: TokenizerPath,
    grammar: GrammarName = "auto",
    include: Annotated[list[str] | None, Option(help="A data set label that counts; may repeat. Default: all.")] = None,
    exclude: Annotated[list[str] | None, Option(help="A label that does not count; may repeat.")] = None,
    max_length: Annotated[int | None, Option(min=1, help="Where the trainer cuts a sample, in tokens.")] = None,
    extra_tokens: ExtraTokens = 0,
    as_json: Annotated[bool, Option("--json", help="Print what was found as one JSON object.")] = False,
    html: Annotated[
        Path | None, Option(help="Write a page with charts.", dir_okay=False, callback=check_writable)
    ] = None,
) -> None:
    """Report what training data teaches, and what is wrong in it.

    Tokens by type and data set label, answers that do not parse, coordinates that cannot be, answers that a length
    limit cuts. Exits with 1 where there is something to look at.
    """
    config = TokenTypeMetricsConfig(include=tuple(include or ("*",)), exclude=tuple(exclude or ()))
    encoder = TextEncoder(tokenizer)
    typer = TokenTyper(encoder.vocabulary, grammar=read_grammar(grammar))
    auditor = Auditor(encoder, typer, Options(config, max_length, extra_tokens))
    with reading(data) as progress:
        auditor.read(read_samples(data, progress))
    report = auditor.report()
    if html is not None:
        html.write_text(audit_page(report, data.name), encoding="utf-8")
    _print(report, data.name, as_json)
    if not report.lines:
        complain(nothing_in(data.name))
    if report.has_findings:
        raise Exit(1)


def _print(report: Report, name: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"file": name, **report.to_json()}, ensure_ascii=False))
    else:
        print_report(report, name, Console())
