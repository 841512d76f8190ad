"""The packing plan of a data set, made of its length counts, and each row's place in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np
import pyarrow
import ray
import ray.data
from numpy.typing import NDArray

from typetally.audit.lengths import Lengths
from typetally.batch.pack_plan import PackPlan, plan_packs
from typetally.ray.blocks import ordered_blocks
from typetally.ray.lengths import count, lengths_of

Int64s = NDArray[np.int64]


class Limits(TypedDict, total=False):
    """What does not tell samples of one length apart."""

    max_samples: int | None
    multiple_of: int
    drop_last: bool
    seed: int | None


@dataclass(frozen=True)
class Packing:
    """A planned data set. Its figures are those of `tt.plan_packs` over all lengths, and so is every row's place."""

    dataset: ray.data.Dataset
    """The rows in their order, with the columns `pack` (-1: in none) and `place` (within the pack); rows of a pack, for
    `groupby("pack")`, are collated in the order of their places."""
    packs: int
    capacity: int
    lower_bound: int | None
    efficiency: float
    gap: float | None
    oversized: int
    """How many samples are longer than the capacity."""
    dropped: int
    """How many samples are in no pack."""
    lengths: Lengths


def pack_rows(
    dataset: ray.data.Dataset,
    capacity: int,
    *,
    length: str = "length",
    oversized: str = "alone",
    **limits: Unpack[Limits],
) -> Packing:
    """Plans packs of at most `capacity` tokens for the rows of a data set; `oversized` and the limits (max_samples,
    multiple_of, drop_last, seed) are those of `tt.plan_packs`.

    length: a column of integers, or of lists, whose lengths count. The data set is materialised in Ray's object store,
    which spills to disk. Blocks send the counts of their lengths, which are merged and planned here; a row's place then
    follows from its length and from how many rows before it have the same one. No lengths of single rows come here;
    memory here is some 40 bytes per row. Raises ValueError as `tt.plan_packs` does; with "error" the message says how
    many samples are oversized.
    """
    if unknown := set(limits) - set(Limits.__annotations__):
        raise TypeError(f"[pack_rows] expected limits out of {sorted(Limits.__annotations__)}, got {sorted(unknown)}")
    clip = capacity if oversized == "truncate" else capacity + 1
    blocks = ordered_blocks(dataset)
    count_block = ray.remote(_count_block)
    parts = ray.get([count_block.remote(block, length, clip) for block in blocks])
    merged, clipped = Lengths(), Lengths()
    for whole, cut in parts:
        merged.merge(whole)
        clipped.merge(cut)
    too_long = sum(n for tokens, n in merged.counts.items() if tokens > capacity)
    if oversized == "error" and too_long:
        raise ValueError(f"[pack_rows] expected lengths up to the capacity of {capacity}, got {too_long} beyond")
    # Samples of one length differ by their order alone, and so do oversized ones: to plan, any that are as long do.
    keys = np.array(sorted(clipped.counts), np.int64)
    totals = np.array([clipped.counts[key] for key in keys.tolist()], np.int64)
    plan = plan_packs(
        np.repeat(keys, totals),
        capacity,
        oversized=oversized,
        **limits,
    )
    firsts = dict(zip(keys.tolist(), (np.cumsum(totals) - totals).tolist(), strict=True))
    planned = _place_blocks(blocks, [cut.counts for _, cut in parts], firsts, plan, (length, clip))
    return Packing(
        dataset=ray.data.from_arrow_refs(planned),
        packs=len(plan),
        capacity=capacity,
        lower_bound=plan.lower_bound,
        efficiency=plan.efficiency,
        gap=plan.gap,
        oversized=too_long,
        dropped=plan.dropped,
        lengths=merged,
    )


def _place_blocks(
    blocks: list[Any], counts: list[Counter[int]], firsts: dict[int, int], plan: PackPlan, reading: tuple[str, int]
) -> list[Any]:
    """`firsts`: for each length, the planned sample that stands for the next row that is as long."""
    samples = sum(counts, Counter()).total()
    pack, place = np.full(samples, -1, np.int64), np.full(samples, -1, np.int64)
    sizes = np.diff(plan.offsets)
    pack[plan.indices] = np.repeat(np.arange(len(plan)), sizes)
    place[plan.indices] = np.arange(len(plan.indices)) - np.repeat(plan.offsets[:-1], sizes)
    pack_ref, place_ref = ray.put(pack), ray.put(place)
    place_block = ray.remote(_place_block)
    planned = []
    for block, mine in zip(blocks, counts, strict=True):
        begins = {key: firsts[key] for key in mine}
        planned.append(place_block.remote(block, *reading, begins, pack_ref, place_ref))
        for key, rows in mine.items():
            firsts[key] += rows
    return planned


def _count_block(block: pyarrow.Table, length: str, clip: int) -> tuple[Lengths, Lengths]:
    if not block.num_rows:
        return Lengths(), Lengths()
    lengths = lengths_of(block, length)
    return count(lengths), count(np.minimum(lengths, clip))


def _place_block(
    block: pyarrow.Table, length: str, clip: int, begins: dict[int, int], pack: Int64s, place: Int64s
) -> pyarrow.Table:
    if not block.num_rows:
        return block
    keys, which = np.unique(np.minimum(lengths_of(block, length), clip), return_inverse=True)
    order = np.argsort(which, kind="stable")
    counts = np.bincount(which, minlength=len(keys))
    before = np.cumsum(counts) - counts
    samples = np.empty(len(which), np.int64)
    samples[order] = np.arange(len(which)) - np.repeat(before, counts)
    samples += np.array([begins[key] for key in keys.tolist()], np.int64)[which]
    return block.append_column("pack", pyarrow.array(pack[samples])).append_column(
        "place", pyarrow.array(place[samples])
    )
