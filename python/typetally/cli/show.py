"""`typetally show`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from rich.console import Console
from rich.text import Text
from typer import Argument, BadParameter, Exit, Option

from typetally.cli.answers import is_file, read_answers
from typetally.cli.complaints import complain
from typetally.cli.options import GrammarName, check_writable, read_grammar
from typetally.report.shown_tokens import ShownToken, show_token
from typetally.report.terminal import STYLES, typed_lines, types_legend, visible
from typetally.report.tokens_page import Answer, assemble
from typetally.text.grammar import grammar_of, make_marker
from typetally.text.text_encoder import TextEncoder
from typetally.typing.typer import TokenTyper

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


@dataclass(frozen=True)
class _Typed:
    """An answer: its line, the grammar that was found, its tokens, or its spans without a tokenizer, and its JSON."""

    line: int | None
    grammar: str
    tokens: list[ShownToken]
    record: dict[str, Any]

    @property
    def caption(self) -> str:
        return self.grammar if self.line is None else f"line {self.line}: {self.grammar}"


def show(
    what: Annotated[
        str,
        Argument(
            metavar="ANSWER|FILE|-", help="An answer, a file (JSON Lines of a trainer, or one answer), or - for stdin."
        ),
    ],
    lines: Annotated[
        str, Option(help="Which lines of a JSON Lines file, as 3,7-9. Default: the first 20.", metavar="LINES")
    ] = "",
    grammar: GrammarName = "auto",
    tokenizer: Annotated[Path | None, Option(help="A tokenizer.json or its folder: show tokens, not spans.")] = None,
    as_json: Annotated[bool, Option("--json", help="Print a JSON list of answers with their spans or tokens.")] = False,
    html: Annotated[Path | None, Option(help="Write a page.", dir_okay=False, callback=check_writable)] = None,
) -> None:
    """Show an answer, or those in lines of a file, in the colours of its types.

    Exits with 1 where one of the lines cannot be read, or there is none.
    """
    found = read_answers(what, _line_numbers(lines))
    typed = list(_type(found.texts, grammar, tokenizer))
    if html is not None:
        title = Path(what).name if is_file(what) else "typetally"
        unit = "spans" if tokenizer is None else "tokens"
        page = assemble([Answer(one.tokens, one.caption) for one in typed], title, unit, found.notes)
        html.write_text(page.html, encoding="utf-8")
    if as_json:
        print(json.dumps([one.record for one in typed], ensure_ascii=False))
    elif html is None and typed:
        _print(typed, Console(), borders=tokenizer is not None)
    for problem in found.problems:
        complain(problem)
    if found.stopped:
        complain(found.notes[0])
    if found.problems:
        raise Exit(1)


def _type(answers: list[tuple[int | None, str]], grammar: str, tokenizer: Path | None) -> Iterator[_Typed]:
    table = read_grammar(grammar)
    marker = make_marker(table)
    encoder = None if tokenizer is None else TextEncoder(tokenizer)
    typer = None if encoder is None else TokenTyper(encoder.vocabulary, grammar=table)
    for line, text in answers:
        raw = text.encode("utf-8", "surrogatepass")
        name = grammar_of(marker, raw)
        record: dict[str, Any] = {"line": line, "grammar": name, "answer": text}
        if encoder is None or typer is None:
            spans = marker.spans(raw)
            tokens = [show_token(raw[begin:end], kind) for begin, end, kind in spans]
            record["spans"] = [[begin, end, token.name] for (begin, end, _), token in zip(spans, tokens, strict=True)]
        else:
            (ids,) = encoder.encode([text])
            kinds = np.asarray(typer.type_labels(ids)).tolist() if ids else []
            pieces = [encoder.vocabulary.token_bytes(token) for token in ids]
            tokens = [show_token(raw, kind, token) for raw, kind, token in zip(pieces, kinds, ids, strict=True)]
            record["tokens"] = [
                {"id": token, "bytes": raw.hex(), "type": shown.name}
                for token, raw, shown in zip(ids, pieces, tokens, strict=True)
            ]
        yield _Typed(line, name, tokens, record)


def _print(answers: list[_Typed], console: Console, borders: bool) -> None:
    for one in answers:
        console.print(one.caption, style="italic", highlight=False, markup=False)
        if console.color_system is None:
            for line in typed_lines(one.tokens):
                print(line)
            continue
        text = Text()
        for token in one.tokens:
            text.append(visible(token.pieces), STYLES[token.name])
            if borders:
                text.append("│", "dim")
        console.print(text, soft_wrap=True)
    if console.color_system is not None:
        console.print(types_legend())


def _line_numbers(text: str) -> list[range]:
    """`3,7-9` as ranges; none for an empty text."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _RANGE.fullmatch(part)
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if not 1 <= first <= last:
            raise BadParameter(f"expected lines as 3,7-9, got {text!r}")
        found.append(range(first, last + 1))
    return found
