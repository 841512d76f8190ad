"""Typed text in a terminal's colours."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from typetally.shown_tokens import TYPE_NAMES

STYLES = {"desc": "bold bright_blue", "coord": "bold dark_orange underline", "format": "dim", "ignore": "strike dim"}
"""How each type looks; bold, underline and dim tell them apart without colour."""


def typed_text(text: bytes, spans: Iterable[tuple[int, int, int]]) -> Text:
    """`text` (UTF-8) with each span (begin, end, type) in its type's style."""
    shown = Text()
    for begin, end, kind in spans:
        shown.append(text[begin:end].decode("utf-8", "replace"), STYLES[TYPE_NAMES[kind]])
    return shown
