"""`typetally audit` over a cluster."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pyarrow
import ray.data

from typetally.audit import Auditor, Counts, Options, Report, report_of
from typetally.base.config import TokenTypeMetricsConfig
from typetally.ray.blocks import numbered
from typetally.ray.tools import Tools, in_this_worker
from typetally.text.data_files import BadLine, Sample, json_lines, read_sample, samples_of
from typetally.text.grammar import Grammar

PART_BYTES = 8 << 20
_ROWS = 4096
_NUMBER = "typetally_number"


def audit(
    data: str | os.PathLike[str] | ray.data.Dataset,
    tokenizer: str | os.PathLike[str],
    *,
    grammar: str | Grammar = "auto",
    config: TokenTypeMetricsConfig | None = None,
    max_length: int | None = None,
    extra_tokens: int = 0,
    number: str | None = None,
    part_bytes: int = PART_BYTES,
    concurrency: int | None = None,
) -> Report:
    """What `typetally audit` reports of the same data on one machine, line numbers included.

    data: a file of JSON Lines, which is read in parts of about `part_bytes`, or a Ray data set whose rows are records
    in one of the formats of `typetally audit`. tokenizer: a tokenizer.json, or a folder that holds one. Both are paths
    that every node can read. number: the data set's column with the row's number for the report; None: rows are
    numbered from 1 in the data set's order, for which it is kept in Ray's object store. concurrency: tasks at a time;
    None: as many as there are cores. The other arguments are the command's.

    A worker merges what it finds in one part; the parts' counts, whose size does not grow with the data, are merged
    here. Raises ValueError for a tokenizer or a grammar that cannot be read and for a file that is a JSON array,
    OSError for a file that cannot be read.
    """
    tools = Tools.check(tokenizer, grammar)
    options = Options(config or TokenTypeMetricsConfig(include=("*",)), max_length, extra_tokens)
    arguments = {"tools": tools, "options": options}
    if isinstance(data, ray.data.Dataset):
        rows, column = (numbered(data, _NUMBER), _NUMBER) if number is None else (data, number)
        parts = rows.map_batches(
            _audit_rows,
            fn_kwargs={**arguments, "number": column},
            batch_size=_ROWS,
            batch_format="pyarrow",
            compute=ray.data.TaskPoolStrategy(concurrency),
        )
    else:
        ranges = _ranges(Path(data).resolve(), part_bytes)
        parts = ray.data.from_items(ranges, override_num_blocks=max(1, len(ranges))).map_batches(
            _audit_range,
            fn_kwargs=arguments,
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.TaskPoolStrategy(concurrency),
        )
    counts = Counts()
    for part in parts.iter_rows():
        counts.merge(pickle.loads(part["counts"]))
    return report_of(counts, options)


def _audit_range(batch: pyarrow.Table, tools: bytes, options: Options) -> pyarrow.Table:
    (part,) = batch.to_pylist()
    with open(part["path"], "rb") as stream:
        stream.seek(part["begin"])
        lines = io.BytesIO(stream.read(part["end"] - part["begin"]))
    return _counts_of(samples_of(lines, part["first"]), tools, options)


def _audit_rows(batch: pyarrow.Table, tools: bytes, options: Options, number: str) -> pyarrow.Table:
    numbers = batch.column(number).to_pylist()
    records = batch.drop_columns([number]).to_pylist()
    found = (read_sample(at, _without_nulls(record)) for at, record in zip(numbers, records, strict=True))
    return _counts_of(found, tools, options)


def _counts_of(found: Iterator[Sample | BadLine], tools: bytes, options: Options) -> pyarrow.Table:
    auditor = Auditor(*in_this_worker(tools), options)
    auditor.read(found)
    return pyarrow.table({"counts": [pickle.dumps(auditor.counts)]})


def _without_nulls(value: Any) -> Any:
    """Arrow gives every record the fields of all others; those that a record did not have are null."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _ranges(path: Path, part_bytes: int) -> list[dict[str, Any]]:
    """Parts of a file that begin and end with lines, each with the number of its first line."""
    if part_bytes < 1:
        raise ValueError(f"[audit] expected part_bytes of 1 or more, got {part_bytes}")
    size = path.stat().st_size
    with path.open("rb") as stream:
        json_lines(stream, path.name)
        bounds = [0]
        while bounds[-1] < size:
            stream.seek(bounds[-1] + part_bytes - 1)
            stream.readline()
            bounds.append(min(stream.tell(), size))
    parts = [{"path": str(path), "begin": begin, "end": end} for begin, end in pairwise(bounds)]
    count_lines = ray.remote(_count_lines)
    lines = ray.get([count_lines.remote(part) for part in parts])
    firsts = accumulate(lines, initial=1)
    return [{**part, "first": first} for part, first in zip(parts, firsts, strict=False)]


def _count_lines(part: dict[str, Any]) -> int:
    with open(part["path"], "rb") as stream:
        stream.seek(part["begin"])
        return stream.read(part["end"] - part["begin"]).count(b"\n")
