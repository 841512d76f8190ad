"""Options that several commands take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from typer import Argument, BadParameter, Option

from typetally.text.grammar import Grammar

TrainingData = Annotated[Path, Argument(help="Training data in JSON Lines.", exists=True, dir_okay=False)]
TokenizerPath = Annotated[Path, Option(help="A tokenizer.json, or a folder that holds one.")]
GrammarName = Annotated[str, Option(help="A grammar's name, a JSON file with a table, or auto.")]
ExtraTokens = Annotated[
    int, Option(min=0, help="Tokens of each sample besides its texts: the chat template's, the pictures'.")
]


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
