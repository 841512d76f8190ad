"""What a command has to say besides its results, on standard error."""

from __future__ import annotations

from rich.console import Console


def complain(text: str) -> None:
    """One line that asks to be looked at."""
    Console(stderr=True).print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def nothing_in(name: str) -> str:
    """Said of a file without a line of text."""
    return f"{name}: there is nothing in it"
