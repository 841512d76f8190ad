"""Typed text in a terminal's colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from typetally.base.token_type import TYPE_NAMES
from typetally.report.shown_tokens import Piece, ShownToken, pieces

STYLES = {"desc": "bold bright_blue", "coord": "bold dark_orange underline", "format": "dim", "ignore": "strike dim"}
"""How each type looks; bold, underline and dim tell them apart without colour."""


def typed_text(text: bytes, spans: Iterable[tuple[int, int, int]]) -> Text:
    """`text` (UTF-8) with each span (begin, end, type) in its type's style."""
    shown = Text()
    for begin, end, kind in spans:
        shown.append(visible(pieces(text[begin:end])), STYLES[TYPE_NAMES[kind]])
    return shown


def typed_lines(tokens: Iterable[ShownToken]) -> Iterator[str]:
    """The same where there are no colours: each token in a line of its own, behind its type."""
    width = max(map(len, STYLES))
    for token in tokens:
        yield f"  {token.name:<{width}}  {token.text}"


def visible(found: Iterable[Piece]) -> str:
    """The text of a token for a terminal: lines break and tabs jump, other control characters are only named."""
    return "".join(piece.text[-1] if piece.text[-1:] in ("\n", "\t") else piece.text for piece in found)


def types_legend() -> Text:
    """The names of the types in their styles."""
    names = [Text(name, STYLES[name]) for name in ("desc", "coord", "format")]
    return Text("types: ").append_text(Text(" ").join(names))
