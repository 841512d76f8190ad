"""The answers that `typetally show` shows: of an argument, a file or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from typer import BadParameter

from typetally.cli.complaints import nothing_in
from typetally.text.data_files import BadLine, Sample, json_lines, samples_of

_FIRST_LINES = 20


@dataclass
class Found:
    """texts: answers with the numbers of their lines, None for one that is no line. problems: what could not be read,
    a line each. unreadable: how many lines. stopped: whether lines after the first 20, the default, were left out."""

    texts: list[tuple[int | None, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unreadable: int = 0
    stopped: bool = False

    @property
    def notes(self) -> list[str]:
        """What a reader of the answers alone would miss."""
        notes = [f"the first {_FIRST_LINES} lines, --lines shows others"] if self.stopped else []
        return notes + ([f"lines that cannot be read: {self.unreadable:,}"] if self.unreadable else [])


def read_answers(what: str, wanted: list[range]) -> Found:
    """what: a file, - for standard input, or an answer. wanted: which lines of JSON Lines; none: the first 20."""
    if what == "-":
        return _read_input(sys.stdin.buffer, wanted)
    if not is_file(what):
        if what.endswith((".jsonl", ".json")):
            raise BadParameter(f"no such file: {what}")
        return Found([(None, what)])
    path = Path(what)
    with path.open("rb") as stream:
        if path.suffix == ".jsonl":
            return _read_lines(stream, wanted, path.name)
        return _one_answer(stream.read(), path.name)


def is_file(what: str) -> bool:
    """Whether the argument names a file."""
    try:
        return Path(what).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False


def _read_input(stream: Iterable[bytes], wanted: list[range]) -> Found:
    """Standard input has no name that tells: it is JSON Lines from the first line on that is a sample, or where lines
    are asked for."""
    begun: list[bytes] = []
    stream = iter(stream)
    if not wanted:
        for line in stream:
            begun.append(line)
            if any(isinstance(found, Sample) for found in samples_of([line])):
                break
        else:
            return _one_answer(b"".join(begun), "standard input")
    return _read_lines(chain(begun, stream), wanted, "standard input")


def _one_answer(raw: bytes, name: str) -> Found:
    return Found([(None, raw.decode("utf-8"))]) if raw.strip() else Found(problems=[nothing_in(name)])


def _read_lines(stream: Iterable[bytes], wanted: list[range], name: str) -> Found:
    shown = wanted or [range(1, _FIRST_LINES + 1)]
    last = max(numbers[-1] for numbers in shown)
    result = Found()
    seen: set[int] = set()
    for line in samples_of(json_lines(stream, name)):
        seen.add(line.number)
        if line.number > last:
            result.stopped = not wanted
            break
        if not any(line.number in numbers for numbers in shown):
            continue
        if isinstance(line, BadLine):
            result.unreadable += 1
            result.problems.append(f"line {line.number}: {line.reason}")
        else:
            result.texts += [(line.number, text) for text in line.answers]
    missing = [numbers for numbers in wanted if not seen.intersection(numbers)]
    result.problems += [f"no line {n[0]}" + (f" to {n[-1]}" if len(n) > 1 else "") for n in missing]
    return result if seen else Found(problems=[nothing_in(name)])
