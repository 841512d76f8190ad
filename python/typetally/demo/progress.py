"""What a training run shows and keeps while it goes on."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from transformers import TrainerCallback

from typetally.demo.history import ACCURACY, TYPES, LogLine, write_log_line


def progress_bar(console: Console) -> Progress:
    """A bar with counts, time and a note at its end; shown only at its end where `console` is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("{task.fields[note]}"), console=console)


class RunLog(TrainerCallback):
    """Keeps every log line, in memory and as JSON Lines, and shows progress with the latest accuracy by type.

    Training ends after `seconds` at the latest, and always with an evaluation. A context manager: the file and the bar
    are open inside it.
    """

    def __init__(self, path: Path, console: Console, seconds: float) -> None:
        self.lines: list[LogLine] = []
        self._path = path
        self._bar = progress_bar(console)
        self._seconds = seconds
        self._deadline = float("inf")

    def __enter__(self) -> Self:
        self._stream = self._path.open("w", encoding="utf-8")
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()
        self._stream.close()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._deadline = time.monotonic() + self._seconds
        self._task = self._bar.add_task("training", total=state.max_steps, note="")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.update(self._task, completed=state.global_step)
        late = time.monotonic() > self._deadline
        if late or state.global_step >= state.max_steps:
            control.should_log = control.should_evaluate = True
            control.should_training_stop = control.should_training_stop or late

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        line = {"step": state.global_step, **(logs or {})}
        self.lines.append(line)
        write_log_line(self._stream, line)
        shares = {name: line.get(f"eval_{name}_{ACCURACY.key}") for name in TYPES}
        if any(value is not None for value in shares.values()):
            note = "  ".join(f"{name} {value:.2f}" for name, value in shares.items() if value is not None)
            self._bar.update(self._task, note=note)
