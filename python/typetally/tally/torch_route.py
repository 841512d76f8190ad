"""Row statistics by Torch operations, for devices that no kernel of ours reads (`cuda_route` knows which do).

Rows are read in chunks of at most CHUNK_BYTES in float32. Per row: the maximum m, sum exp(x - m) and sum (x - m)
exp(x - m) in float32, the rest in float64 where the device has it; nll and entropy are within 5e-6 of a reference in
double precision. Nothing here waits for the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from typetally.tally import cuda_route

if TYPE_CHECKING:
    import torch

    from typetally import _core

CHUNK_BYTES = 64 << 20
TOP = 5
KINDS = 4
"""Rows of the sums: untyped, then desc, coord, format."""
COLUMNS = 8
"""Columns of the sums, as in TypeTally: count, correct, ranked, correct_top5, with_entropy, nonfinite, nll, entropy."""

# exp(-87) is the least normal float; a logit of -inf then weighs 1e-38 of the maximum and is never multiplied with 0.
_LOWEST = -87.0


def wide(device: torch.device) -> torch.dtype:
    """The widest float that a device adds in."""
    import torch

    return torch.float32 if device.type == "mps" else torch.float64


@dataclass
class Rows:
    """What was read of some rows; each field is [R]. See RowStats in C++ for their meaning."""

    max: torch.Tensor
    s1: torch.Tensor
    s2: torch.Tensor
    label_logit: torch.Tensor
    argmax: torch.Tensor
    rank: torch.Tensor
    has_label: torch.Tensor
    finite: torch.Tensor

    @property
    def nll(self) -> torch.Tensor:
        return (self.max - self.label_logit) + self.s1.log()

    @property
    def entropy(self) -> torch.Tensor:
        return self.s1.log() - self.s2 / self.s1


def read_rows(x: torch.Tensor, labels: torch.Tensor, offset: int = 0, label_logits: torch.Tensor | None = None) -> Rows:
    """Statistics of x [R, V], whose column 0 has the id `offset`; labels [R] are ids."""
    import torch

    dtype = wide(x.device)
    x = x if x.dtype == torch.float64 else x.float()
    top, argmax = x.max(-1)
    poisoned = ~(top < torch.inf)  # also where it is NaN
    shifted = (x - top.masked_fill(top == -torch.inf, 0.0)[:, None]).clamp_(min=_LOWEST)
    weights = shifted.exp()
    s1, s2 = weights.sum(-1), shifted.mul_(weights).sum(-1)
    empty = top == -torch.inf
    columns = labels - offset
    has_label = (columns >= 0) & (columns < x.shape[1])
    own = x.gather(1, columns.clamp(0, x.shape[1] - 1)[:, None])[:, 0].to(dtype)
    if label_logits is not None:
        own = torch.where(has_label, own, label_logits.to(dtype))
    known = has_label if label_logits is None else torch.ones_like(has_label)
    before = torch.arange(x.shape[1], device=x.device)[None, :] < columns[:, None]
    bar = own.to(x.dtype)[:, None]
    rank = (x > bar).sum(-1) + ((x == bar) & before).sum(-1)
    return Rows(
        max=top.to(dtype).masked_fill(poisoned, torch.nan),
        s1=s1.to(dtype).masked_fill(poisoned, torch.nan).masked_fill(empty, 0.0),
        s2=s2.to(dtype).masked_fill(poisoned, torch.nan).masked_fill(empty, 0.0),
        label_logit=own,
        argmax=(argmax + offset).masked_fill(poisoned, -1),
        rank=rank.masked_fill(poisoned | ~known, -1),
        has_label=known,
        finite=~poisoned & (~known | own.isfinite()),
    )


def chunks(
    count: int, vocabulary: int, itemsize: int = 4, limit: int = CHUNK_BYTES, multiple: int = 1
) -> Iterator[slice]:
    """Slices of `count` rows of which none has more than `limit` bytes, but at least one row; of a multiple of so many
    rows, where that many are allowed."""
    size = max(1, limit // max(1, vocabulary * itemsize))
    size = max(size // multiple * multiple, min(size, multiple))
    return (slice(begin, min(begin + size, count)) for begin in range(0, count, size))


class DeviceSums:
    """The sums of a tally on a device: [KINDS, COLUMNS], float64, or a float32 with the rest that it could not hold."""

    def __init__(self, device: torch.device) -> None:
        import torch

        self._sums = torch.zeros(KINDS, COLUMNS, dtype=wide(device), device=device)
        self._rest = torch.zeros_like(self._sums)
        self.left_out = torch.zeros_like(self._sums[0, 0])
        """Micro-batches [] of which only the device could see that they were not to be tallied."""

    def merge(self, other: DeviceSums) -> None:
        """Adds what other sums on the same device hold."""
        self._accumulate(other._sums)
        self._rest += other._rest
        self.left_out += other.left_out

    def add(self, rows: Rows, labels: torch.Tensor, types: torch.Tensor, supervised: torch.Tensor) -> None:
        """Adds rows; labels, types (int) and supervised (bool) are [R] on the sums' device."""
        import torch

        good = supervised & rows.finite
        ones = torch.ones_like(good)
        flags = [ones, rows.rank == 0, ones, rows.rank < TOP, ones]
        self._add(flags, supervised & ~rows.finite, [rows.nll, rows.entropy], types, good)

    def add_tokens(
        self,
        nll: torch.Tensor,
        correct: torch.Tensor,
        entropy: torch.Tensor | None,
        types: torch.Tensor,
        supervised: torch.Tensor,
    ) -> None:
        """Adds per-token results; all are [R] on the sums' device, whose ranks are unknown."""
        import torch

        finite = nll.isfinite() if entropy is None else nll.isfinite() & entropy.isfinite()
        good = supervised & finite
        ones, none = torch.ones_like(good), torch.zeros_like(good)
        flags = [ones, correct != 0, none, none, none if entropy is None else ones]
        values = [nll, torch.zeros_like(nll) if entropy is None else entropy]
        self._add(flags, supervised & ~finite, values, types, good)

    def _add(
        self,
        flags: list[torch.Tensor],
        nonfinite: torch.Tensor,
        values: list[torch.Tensor],
        types: torch.Tensor,
        good: torch.Tensor,
    ) -> None:
        """Columns [R] in the order of TypeTally, flags and values where `good`."""
        import torch

        dtype = self._sums.dtype
        columns = [(flag & good).to(dtype) for flag in flags]
        columns.append(nonfinite.to(dtype))
        columns += [value.masked_fill(~good, 0.0).to(dtype) for value in values]
        kinds = torch.arange(KINDS, device=types.device)[:, None] == types.clamp(min=0)[None, :]
        # A product with a mask and not index_add_, whose order of addition CUDA leaves open.
        self._accumulate(kinds.to(dtype) @ torch.stack(columns, dim=1))

    def _accumulate(self, value: torch.Tensor) -> None:
        total = self._sums + value
        back = total - self._sums
        self._rest += (self._sums - (total - back)) + (value - back)
        self._sums = total

    @property
    def raw(self) -> torch.Tensor:
        """[KINDS * COLUMNS], to add to in place."""
        return self._sums.view(-1)

    def flat(self) -> torch.Tensor:
        """float64 in the order of Tally.to_flat; on the host where the device has no float64."""
        import torch

        sums, rest, left_out = self._sums, self._rest, self.left_out
        if sums.dtype != torch.float64:
            sums, rest, left_out = (part.cpu().double() for part in (sums, rest, left_out))
        # A micro-batch that was left out was counted as one that was not, and is an error instead.
        return torch.cat([(sums + rest).flatten(), torch.stack([-left_out, torch.zeros_like(left_out), left_out])])


def pick_rows(tensor: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Rows of a tensor [..., N], numbered over its leading dimensions in row-major order."""
    if tensor.ndim == 2:
        return tensor[rows]
    return tensor[rows // tensor.shape[-2], rows % tensor.shape[-2]]


def to_device(array: np.ndarray[Any, Any], device: torch.device) -> torch.Tensor:
    """A host array on a device, without waiting for it."""
    import torch

    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def add_targets(sums: DeviceSums, logits: torch.Tensor, targets: _core.Targets) -> None:
    """Adds the targets, which are known on the host, from logits [..., V]: their rows alone are read."""
    import torch

    if len(targets) and int(targets.labels.max()) >= logits.shape[-1]:
        raise ValueError(f"[update] expected labels below {logits.shape[-1]}, got {int(targets.labels.max())}")
    device = logits.device
    places, labels, types = (
        to_device(np.ascontiguousarray(column), device) for column in (targets.rows, targets.labels, targets.types)
    )
    if cuda_route.reads(logits):
        cuda_route.add_rows(sums.raw, logits, labels, types, places)
        return
    for part in chunks(len(targets), logits.shape[-1]):
        rows = read_rows(pick_rows(logits, places[part]), labels[part])
        sums.add(rows, labels[part], types[part], torch.ones_like(labels[part], dtype=torch.bool))


def add_masked(sums: DeviceSums, logits: torch.Tensor, labels: torch.Tensor, types: torch.Tensor) -> None:
    """Adds all positions with a label from logits [..., V]; labels and types [rows] are on the device too.

    Which rows are targets is not known here without waiting, so Torch reads every row; our kernels see on the device
    which to pass over. A label outside the vocabulary counts as non-finite.
    """
    import torch

    if cuda_route.reads(logits):
        cuda_route.add_rows(sums.raw, logits, labels, types)
        return
    for part in chunks(labels.numel(), logits.shape[-1]):
        places = torch.arange(part.start, part.stop, device=logits.device)
        rows = read_rows(pick_rows(logits, places), labels[part])
        rows.finite &= rows.has_label
        sums.add(rows, labels[part], types[part], labels[part] >= 0)
