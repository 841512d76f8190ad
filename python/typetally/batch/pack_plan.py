"""Which samples go into which pack."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import integers
from typetally.batch.plan_files import read_plan, write_plan

_OVERSIZED = ("alone", "drop", "error", "truncate")


@dataclass(frozen=True, eq=False)
class PackPlan:
    """Packs as one index list: pack `p` holds the samples `indices[offsets[p] : offsets[p + 1]]`."""

    offsets: NDArray[np.int64]
    """`[packs + 1]`"""
    indices: NDArray[np.int64]
    """`[samples that were not dropped]`"""
    capacity: int
    """Tokens a pack holds at most."""
    lower_bound: int | None
    """No plan has fewer packs (oversized ones that stand alone excluded); None with weights, where none is claimed."""
    efficiency: float
    """Tokens / (packs * capacity), oversized packs excluded; 1.0 without packs."""
    gap: float | None
    """(packs - lower_bound) / lower_bound, oversized packs excluded; None with weights and where `drop_last` left packs
    out."""
    oversized_indices: NDArray[np.int64]
    """Samples longer than the capacity (or heavier than the weight capacity), whatever became of them."""
    dropped_indices: NDArray[np.int64]
    """Samples that are in no pack."""
    truncated: bool
    """Whether the oversized samples are planned at the capacity, so that whoever loads them cuts them."""

    @property
    def oversized(self) -> int:
        """How many samples are oversized."""
        return len(self.oversized_indices)

    @property
    def dropped(self) -> int:
        """How many samples are in no pack."""
        return len(self.dropped_indices)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, pack: int) -> NDArray[np.int64]:
        if not -len(self) <= pack < len(self):
            raise IndexError(f"[PackPlan] expected a pack below {len(self)}, got {pack}")
        pack %= len(self)
        return self.indices[self.offsets[pack] : self.offsets[pack + 1]]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self[pack] for pack in range(len(self)))

    def save(self, path: str | Path) -> None:
        """Writes the plan: to `.npz` by NumPy, to `.arrow` with the list `samples` of each pack as a row."""
        write_plan(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> PackPlan:
        """A plan that was saved. OSError if there is no such file, ValueError for one that holds no plan."""
        return cls(**read_plan(Path(path)))


def plan_packs(
    lengths: Any,
    capacity: int,
    *,
    oversized: str = "alone",
    max_samples: int | None = None,
    multiple_of: int = 1,
    drop_last: bool = False,
    seed: int | None = None,
    groups: Any = None,
    weights: Any = None,
    weight_capacity: int | None = None,
) -> PackPlan:
    """Plans packs of at most `capacity` tokens for samples of these `lengths` by best-fit decreasing.

    The longest samples go first, each into the pack with the least room that still takes it. The same arguments give
    the same plan, on any number of threads and any machine.

    Args:
        lengths: tokens per sample, >= 0; a list or array of integers.
        capacity: tokens per pack.
        oversized: what happens to a sample above `capacity`: "alone" (a pack of its own, the first ones of the plan
            unless shuffled), "drop", "error" (ValueError with index and length) or "truncate" (planned as if it were
            `capacity` long).
        max_samples: samples per pack at most.
        multiple_of: the number of packs becomes a multiple of this (ranks * micro-batch) by splitting packs.
        drop_last: reach that multiple by leaving out the last packs instead.
        seed: shuffles the packs, and samples of equal length among themselves.
        groups: one label per sample (strings or integers); samples of different groups share no pack.
        weights: a second size per sample, >= 0, such as image patches; needs `weight_capacity`.
        weight_capacity: weight per pack at most.
    """
    if oversized not in _OVERSIZED:
        raise ValueError(f"[plan_packs] expected oversized as one of {_OVERSIZED}, got {oversized!r}")
    _check_size(capacity, "a capacity")
    if weight_capacity is not None:
        _check_size(weight_capacity, "a weight_capacity")
    if max_samples is not None and max_samples < 1:
        raise ValueError(f"[plan_packs] expected max_samples >= 1, got {max_samples}")
    if (weights is None) != (weight_capacity is None):
        raise ValueError("[plan_packs] expected weights and weight_capacity together, got one of them")
    if seed is not None and not isinstance(seed, numbers.Integral):
        raise TypeError(f"[plan_packs] expected a seed as an integer, got {type(seed).__name__}")
    if seed is not None and not 0 <= seed < 2**64:
        raise ValueError(f"[plan_packs] expected a seed from 0 to 2^64 - 1, got {seed}")
    plan = _core.plan_packs(
        _column(lengths, "lengths"),
        capacity,
        _OVERSIZED.index(oversized),
        max_samples or 0,
        multiple_of,
        drop_last,
        seed,
        None if groups is None else _numbered(groups),
        None if weights is None else _column(weights, "weights"),
        weight_capacity or 0,
    )
    bound = plan.lower_bound if weights is None else None
    left_out = len(plan.dropped_indices) - (len(plan.oversized_indices) if oversized == "drop" else 0)
    return PackPlan(
        offsets=plan.offsets,
        indices=plan.indices,
        capacity=capacity,
        lower_bound=bound,
        efficiency=plan.efficiency,
        gap=None if bound is None or left_out else (plan.packs - bound) / bound if bound else 0.0,
        oversized_indices=plan.oversized_indices,
        dropped_indices=plan.dropped_indices,
        truncated=oversized == "truncate",
    )


def _check_size(value: object, name: str) -> None:
    if not isinstance(value, numbers.Integral):
        raise TypeError(f"[plan_packs] expected {name} as an integer, got {type(value).__name__}")
    if not _fits_64_bits(int(value)):
        raise ValueError(f"[plan_packs] expected {name} within 64 bits, got {value}")


def _fits_64_bits(value: int) -> bool:
    return -(2**63) <= value < 2**63


def _column(values: Any, name: str) -> NDArray[np.int64]:
    try:
        array = integers(values, "plan_packs", name)
    except TypeError:
        for index, value in enumerate(values if isinstance(values, list) else ()):
            if isinstance(value, int) and not _fits_64_bits(value):
                raise ValueError(f"[plan_packs] expected {name} within 64 bits, got {value} at index {index}") from None
        raise
    if array.ndim != 1:
        raise ValueError(f"[plan_packs] expected {name} of shape [samples], got {list(array.shape)}")
    return array


def _numbered(groups: Any) -> NDArray[np.int64]:
    """Group labels as numbers, in the order of the labels."""
    labels = np.asarray(groups)
    if not labels.size:
        labels = labels.astype(np.int64)
    if labels.ndim != 1 or labels.dtype.kind not in "iuUSb":
        raise TypeError(f"[plan_packs] expected groups as strings or integers, one per sample, got {labels.dtype}")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


class PackedDataset(Sequence[list[Any]]):
    """A map-style data set of packs: item `p` is the list of samples of pack `p`, for `collate_packed`.

    `dataset` is anything with integer indexing (a list, `datasets.Dataset`, `torch.utils.data.Dataset`). Training
    resumes at pack `k` by a sampler or by `torch.utils.data.Subset(packed, range(k, len(packed)))`. Where the plan
    truncates, `truncate(sample, capacity)` is called for the samples it flags; None raises ValueError for such a plan.
    """

    def __init__(self, dataset: Any, plan: PackPlan, truncate: Any = None) -> None:
        planned = len(plan.indices) + plan.dropped
        if planned != len(dataset):
            raise ValueError(f"[PackedDataset] expected a plan of {len(dataset)} samples, got one of {planned}")
        self._dataset = dataset
        self._plan = plan
        self._truncate = truncate
        self._flagged = frozenset(plan.oversized_indices.tolist()) if plan.truncated else frozenset()
        if self._flagged and truncate is None:
            raise ValueError("[PackedDataset] expected truncate= for a plan with truncated samples, got None")

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, pack: Any) -> Any:
        if isinstance(pack, slice):
            return [self[p] for p in range(*pack.indices(len(self)))]
        return [self._sample(int(sample)) for sample in self._plan[int(pack)]]

    def _sample(self, sample: int) -> Any:
        loaded = self._dataset[sample]
        return self._truncate(loaded, self._plan.capacity) if sample in self._flagged else loaded
