"""A run's log lines, as curves and as first and last values by type."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

TYPES = ("desc", "coord", "format")

LogLine = Mapping[str, Any]
"""What the trainer logs at one step: `step`, `epoch` and the metrics."""

Points = list[tuple[float, float]]
"""(step, value), by step."""


@dataclass(frozen=True)
class Quantity:
    """One figure per type: the end of its key, its name, and how it is printed."""

    key: str
    title: str
    form: str


ACCURACY = Quantity("token_acc", "accuracy", ".3f")
ENTROPY = Quantity("entropy", "entropy", ".3f")
LOSS = Quantity("loss", "loss", ".3f")


def write_log_line(stream: TextIO, line: LogLine) -> None:
    """Writes a log line as one JSON object; what is no finite number of JSON becomes null."""
    clean = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in line.items()}
    stream.write(json.dumps(clean, ensure_ascii=False) + "\n")
    stream.flush()


def read_log(path: Path) -> list[LogLine]:
    """The lines of a file that `write_log_line` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def curve(lines: Iterable[LogLine], token_type: str, quantity: Quantity, prefix: str = "") -> Points:
    """A type's values over the steps; `prefix` "eval_" for evaluation."""
    key = f"{prefix}{token_type}_{quantity.key}"
    return [(line["step"], line[key]) for line in lines if line.get(key) is not None]


def first_above(points: Points, threshold: float) -> float | None:
    """The first step whose value is at least `threshold`."""
    return next((step for step, value in points if value >= threshold), None)


def last_value(lines: Iterable[LogLine], key: str) -> float | None:
    """The last finite value that was logged under `key`."""
    return next((line[key] for line in reversed(list(lines)) if line.get(key) is not None), None)
