"""How long the samples of a data set are."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import ray.data
from numpy.typing import NDArray

from typetally.audit.lengths import Lengths


def length_counts(dataset: ray.data.Dataset, length: str = "length") -> Lengths:
    """How many rows have each length: `.counts`, with `.merge(other)` and `.report()` (quantiles, histogram).

    length: a column of integers, or of lists, whose lengths count. Counts of parts are merged, in whatever order.
    """
    parts = dataset.select_columns([length]).map_batches(
        _count, fn_kwargs={"length": length}, batch_size=None, batch_format="pyarrow"
    )
    merged = Lengths()
    for part in parts.iter_batches(batch_format="pyarrow"):
        for one, count in zip(part["length"].to_pylist(), part["count"].to_pylist(), strict=True):
            merged.counts[one] += count
    return merged


def lengths_of(table: pyarrow.Table, length: str) -> NDArray[np.int64]:
    """The length of each row. Raises ValueError for a column of something else, or with nulls."""
    column = table.column(length)
    if column.null_count:
        raise ValueError(f"[lengths] expected a length in each row of {length!r}, got {column.null_count} nulls")
    types = pyarrow.types
    if types.is_list(column.type) or types.is_large_list(column.type):
        column = pyarrow.compute.list_value_length(column)
    elif not types.is_integer(column.type):
        raise ValueError(f"[lengths] expected {length!r} as integers or lists, got {column.type}")
    values: NDArray[np.int64] = column.to_numpy().astype(np.int64)
    return values


def count(values: NDArray[np.int64]) -> Lengths:
    """How often each value occurs."""
    distinct, counts = np.unique(values, return_counts=True)
    return Lengths(Counter(dict(zip(distinct.tolist(), counts.tolist(), strict=True))))


def _count(batch: pyarrow.Table, length: str) -> dict[str, Any]:
    counts = count(lengths_of(batch, length)).counts
    return {"length": np.array(list(counts), np.int64), "count": np.array(list(counts.values()), np.int64)}
