"""A data set's rows in their order."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pyarrow
import ray
import ray.data


def ordered_blocks(dataset: ray.data.Dataset) -> list[Any]:
    """References to the data set's Arrow tables in the order of its rows. They stay in Ray's object store, which spills
    to disk."""
    options = dataset.context.execution_options
    before, options.preserve_order = options.preserve_order, True
    try:
        return list(dataset.materialize().to_arrow_refs())
    finally:
        options.preserve_order = before


def numbered(dataset: ray.data.Dataset, name: str) -> ray.data.Dataset:
    """With a column of the rows' numbers, from 1."""
    blocks = ordered_blocks(dataset)
    count_rows, number_block = ray.remote(_count_rows), ray.remote(_number_block)
    firsts = accumulate(ray.get([count_rows.remote(block) for block in blocks]), initial=1)
    tables = [number_block.remote(block, first, name) for block, first in zip(blocks, firsts, strict=False)]
    return ray.data.from_arrow_refs(tables)


def _count_rows(block: pyarrow.Table) -> int:
    return int(block.num_rows)


def _number_block(block: pyarrow.Table, first: int, name: str) -> pyarrow.Table:
    return block.append_column(name, pyarrow.array(range(first, first + block.num_rows), pyarrow.int64()))
