"""`typetally pack`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
from rich.console import Console
from typer import Exit, Option

from typetally.batch.pack_plan import PackPlan, plan_packs
from typetally.batch.plan_files import check_suffix
from typetally.cli.complaints import complain, nothing_in
from typetally.cli.options import ExtraTokens, TokenizerPath, TrainingData, check_writable
from typetally.cli.pack_summary import print_summary, summarize
from typetally.cli.progress import reading
from typetally.text.data_files import BadLine, Sample, read_samples
from typetally.text.text_encoder import TextEncoder

_BATCH = 512


def pack(
    data: TrainingData,
    tokenizer: TokenizerPath,
    capacity: Annotated[int, Option(min=1, help="Tokens of a pack.")],
    out: Annotated[
        Path | None,
        Option(
            help="Where the plan goes: .npz or .arrow. Default: DATA's name with .packs.npz.", callback=check_writable
        ),
    ] = None,
    oversized: Annotated[str, Option(help="Samples above the capacity: alone, drop, error or truncate.")] = "alone",
    max_samples: Annotated[int | None, Option(min=1, help="Samples of a pack at most.")] = None,
    multiple_of: Annotated[int, Option(min=1, help="The number of packs is a multiple of this.")] = 1,
    drop_last: Annotated[bool, Option("--drop-last", help="Reach that by leaving out packs, not splitting.")] = False,
    seed: Annotated[int | None, Option(min=0, help="Shuffles packs, and samples of equal length.")] = None,
    by_label: Annotated[bool, Option("--by-label", help="Data set labels share no pack.")] = False,
    extra_tokens: ExtraTokens = 0,
    as_json: Annotated[bool, Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Plan which samples share a pack, write the plan and show how full the packs are.

    Samples are numbered from 0 as their lines come, blank ones left out. Exits with 1 where lines cannot be used, which
    are in no pack, or the file is empty.
    """
    out = out or Path(f"{data.stem}.packs.npz")
    check_suffix(out)
    encoder = TextEncoder(tokenizer)
    with reading(data) as progress:
        lines = _measure(read_samples(data, progress), encoder, extra_tokens)
    if oversized == "error":
        _refuse_oversized(lines, capacity)
    plan = plan_packs(
        lines.lengths,
        capacity,
        oversized=oversized,
        max_samples=max_samples,
        multiple_of=multiple_of,
        drop_last=drop_last,
        seed=seed,
        groups=lines.labels if by_label else None,
    )
    _numbered_by_line(plan, lines).save(out)
    summary = summarize(plan, np.array(lines.lengths, np.int64), oversized)
    if as_json:
        bad = [{"line": line.number, "reason": line.reason} for line in lines.bad]
        print(json.dumps({"file": data.name, "plan": str(out), "bad_lines": bad, **summary}, ensure_ascii=False))
    else:
        print_summary(summary, data.name, out, lines.bad, Console())
    if not lines.numbers and not lines.bad:
        complain(nothing_in(data.name))
    if lines.bad or not lines.numbers:
        raise Exit(1)


@dataclass
class _Lines:
    """Of usable lines numbers (from 1), rows (from 0, blank lines left out), lengths and labels; and the others."""

    numbers: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)


def _measure(found: Iterable[Sample | BadLine], encoder: TextEncoder, extra_tokens: int) -> _Lines:
    lines = _Lines()
    for batch in _batches(enumerate(found)):
        usable = [(row, one) for row, one in batch if isinstance(one, Sample)]
        lines.bad += [one for _, one in batch if isinstance(one, BadLine)]
        sizes = map(len, encoder.encode([turn.text for _, sample in usable for turn in sample.turns]))
        for row, sample in usable:
            lines.numbers.append(sample.number)
            lines.rows.append(row)
            lines.lengths.append(extra_tokens + sum(islice(sizes, len(sample.turns))))
            lines.labels.append(sample.label)
    return lines


def _batches(
    found: Iterator[tuple[int, Sample | BadLine]],
) -> Iterator[list[tuple[int, Sample | BadLine]]]:
    while batch := list(islice(found, _BATCH)):
        yield batch


def _refuse_oversized(lines: _Lines, capacity: int) -> None:
    for number, length in zip(lines.numbers, lines.lengths, strict=True):
        if length > capacity:
            raise ValueError(f"[pack] expected samples of {capacity} tokens at most, got {length} in line {number}")


def _numbered_by_line(plan: PackPlan, lines: _Lines) -> PackPlan:
    """The plan with samples numbered as in the file: lines that cannot be used have a number, and are dropped."""
    if not lines.bad:
        return plan
    rows = np.array(lines.rows, np.int64)
    unusable = np.setdiff1d(np.arange(len(rows) + len(lines.bad)), rows)
    return replace(
        plan,
        indices=rows[plan.indices],
        oversized_indices=rows[plan.oversized_indices],
        dropped_indices=np.union1d(rows[plan.dropped_indices], unusable),
    )
