"""`typetally plugin`."""

from __future__ import annotations

from importlib import resources
from typing import Annotated

from typer import Argument

_FILES = {"swift": "swift_plugin.py"}


def plugin(name: Annotated[str, Argument(help=f"Whose plugin: {', '.join(_FILES)}.")]) -> None:
    """Print the path of the file that makes another program load typetally.

    ms-swift: swift sft ... --external_plugins $(typetally plugin swift) --callbacks typetally
    """
    if name not in _FILES:
        raise ValueError(f"[plugin] expected one of {', '.join(_FILES)}, got {name!r}")
    print(resources.files("typetally.plugins") / _FILES[name])
