"""Options that several commands take."""

from __future__ import annotations

import os
from pathlib import Path

from typer import BadParameter

from typetally.text.grammar import Grammar


def read_grammar(name: str) -> str | Grammar:
    """A grammar by name, or a user's table by the path of its JSON file."""
    return Grammar.from_file(name) if name.endswith(".json") or os.sep in name else name


def check_writable(path: Path | None) -> Path | None:
    """Refuses a file to be written that cannot be, before the work whose result goes there."""
    if path is not None:
        if not path.parent.is_dir():
            raise BadParameter(f"no such folder: {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise BadParameter(f"cannot be written: {path}")
    return path
