"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path

from typetally.grammar import Grammar


def read_grammar(name: str) -> str | Grammar:
    """A grammar by name, or a user's table by the path of its JSON file."""
    return Grammar.from_file(name) if name.endswith(".json") and Path(name).is_file() else name
