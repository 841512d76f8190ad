"""Types the labels of a data set's rows."""

from __future__ import annotations

import os

import pyarrow
import ray.data

from typetally.base.config import TokenTypeMetricsConfig
from typetally.collator.sample_types import SampleTyper
from typetally.ray.tools import Tools, in_this_worker
from typetally.text.grammar import Grammar

# What the filter reads of a sample.
_LABEL_COLUMNS = ("metadata", "dataset", "dataset_name")


def type_rows(
    dataset: ray.data.Dataset,
    tokenizer: str | os.PathLike[str],
    *,
    grammar: str | Grammar = "auto",
    config: TokenTypeMetricsConfig | None = None,
    labels: str = "labels",
    into: str = "token_types",
    concurrency: int | None = None,
) -> ray.data.Dataset:
    """`dataset` with a column `into` of int8 lists: the types of each row's `labels`, as TokenTypeCollator gives them,
    which takes a sample's own `token_types` as they are.

    Rows that `config` leaves out (by default none) and rows that cannot be typed are IGNORE (-1) throughout. tokenizer:
    a path that every node can read. Raises ValueError for a tokenizer or a grammar that cannot be read.
    """
    arguments = {
        "tools": Tools.check(tokenizer, grammar),
        "config": config or TokenTypeMetricsConfig(include=("*",)),
        "labels": labels,
        "into": into,
    }
    return dataset.map_batches(
        _type, fn_kwargs=arguments, batch_format="pyarrow", compute=ray.data.TaskPoolStrategy(concurrency)
    )


def _type(batch: pyarrow.Table, tools: bytes, config: TokenTypeMetricsConfig, labels: str, into: str) -> pyarrow.Table:
    _, typer = in_this_worker(tools)
    samples = SampleTyper(typer, config, "text", "", "")
    read = batch.select([name for name in batch.column_names if name == labels or name in _LABEL_COLUMNS])
    types = [samples.type_sample({**row, "labels": row[labels]})[0].types for row in read.to_pylist()]
    return batch.append_column(into, pyarrow.array(types, pyarrow.list_(pyarrow.int8())))
