"""A bar on standard error for what takes long, so that standard output stays what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


@contextmanager
def reading(path: Path) -> Iterator[Callable[[int], None]]:
    """Shows how much of a file has been read while the block runs; gives what to call with the bytes read so far.
    Nothing shows where standard error is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("reading {task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(path.name, total=path.stat().st_size)
        yield lambda done: progress.update(task, completed=done)
