"""Updates of a meter with labels on a device: nothing here reads what the device holds, so nothing waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from typetally import _core
from typetally.base.tensors import integers, is_torch, on_host, to_host
from typetally.base.token_type import IGNORE, IGNORE_INDEX
from typetally.tally.hidden import Head, logit_chunks
from typetally.tally.torch_route import KINDS, DeviceSums, add_masked, to_device

if TYPE_CHECKING:
    import torch

CHUNK_BYTES = 56 << 20
"""Logits of the hidden route at a time: with the rows of hidden states and the kernels' scratch, below 64 MiB."""


class DeviceTargets(NamedTuple):
    """labels [N] (negative: no target) and types [N] of the rows that are numbered `rows` [N]; None: 0, 1, 2, ..."""

    rows: torch.Tensor | None
    labels: torch.Tensor
    types: torch.Tensor


@dataclass
class DeviceBatch:
    """What `Batch` is on the host. Types and boundaries may be anywhere; labels [B, T] or [T] are on a device. Where
    boundaries are there too and do not fit, which only the device sees, the batch is left out and counted as an
    error."""

    operation: str
    labels: torch.Tensor
    token_types: Any
    cu_seqlens: Any
    shifted: bool
    fits: torch.Tensor | None = None  # [], once asked for targets: whether boundaries on the device fit

    def targets(self, scored: torch.Tensor, name: str) -> DeviceTargets:
        """What each position of `scored` [B, T, ...], called `name`, predicts. Raises ValueError where shapes or
        devices do not fit."""
        labels, shape = self.labels, tuple(scored.shape[:-1])
        if labels.device != scored.device:
            raise self._refusal(f"labels on the device of {name}, {scored.device}", labels.device)
        if tuple(labels.shape) != shape or labels.ndim not in (1, 2):
            raise self._refusal(f"labels of shape {shape}", tuple(labels.shape))
        types = self.types().reshape(-1)
        if self.shifted:
            return DeviceTargets(None, labels.reshape(-1), types)
        # The type of position i's target is that of the next position.
        return DeviceTargets(None, self._predicted()[1:], types.roll(-1))

    def types(self) -> torch.Tensor:
        """Types like labels, IGNORE where there are none or what is no type."""
        import torch

        if self.token_types is None:
            return torch.full_like(self.labels, IGNORE)
        types = self._placed(self.token_types, "token_types")
        if types.shape != self.labels.shape:
            raise self._refusal(f"token_types of shape {tuple(self.labels.shape)}", tuple(types.shape))
        return types.masked_fill((types < 1) | (types >= KINDS), IGNORE)

    def scored(self) -> torch.Tensor:
        """Whether each label, flattened, is one that something predicts."""
        return (self.labels.reshape(-1) if self.shifted else self._predicted()[:-1]) >= 0

    def _predicted(self) -> torch.Tensor:
        """Flattened labels [n] and an IGNORE_INDEX [n + 1], with IGNORE_INDEX where a document begins."""
        import torch

        labels = self.labels
        flat = torch.full((labels.numel() + 1,), IGNORE_INDEX, dtype=torch.int64, device=labels.device)
        flat[:-1] = labels.reshape(-1)
        if self.cu_seqlens is None:
            flat[:-1].view(labels.shape)[..., :1] = IGNORE_INDEX
            return flat
        # Not by indexing, which copies the number to the device and waits.
        flat.index_fill_(0, self._bounds(), IGNORE_INDEX)
        return flat if self.fits is None else flat.masked_fill_(~self.fits, IGNORE_INDEX)

    def _bounds(self) -> torch.Tensor:
        """cu_seqlens beside the labels, within [0, n]. Raises ValueError where those on the host do not fit."""
        end = self.labels.numel()
        if is_torch(self.cu_seqlens) and not on_host(self.cu_seqlens):
            bounds = self._placed(self.cu_seqlens, "cu_seqlens").long()
            if bounds.ndim != 1 or not len(bounds):
                raise self._refusal("cu_seqlens [documents + 1]", f"shape {tuple(bounds.shape)}")
            self.fits = (bounds[0] == 0) & (bounds[-1] == end) & (bounds.diff() >= 0).all()
            return bounds.clamp(0, end)
        given = integers(self.cu_seqlens, self.operation, "cu_seqlens", np.int32)
        if given.ndim != 1 or not given.size:
            raise self._refusal("cu_seqlens [documents + 1]", f"shape {given.shape}")
        # Of labels that are none, for the rules that boundaries follow.
        _core.find_targets(np.full(end, IGNORE_INDEX), None, self.labels.shape[-1], given, False)
        return to_device(given.astype(np.int64), self.labels.device)

    def leave_out(self, sums: DeviceSums) -> None:
        """Counts the batch as an error where it does not fit."""
        if self.fits is not None:
            sums.left_out += ~self.fits

    def _placed(self, values: Any, name: str) -> torch.Tensor:
        """`values` beside the labels. What lies on the host goes there without waiting."""
        device = self.labels.device
        if is_torch(values) and not on_host(values):
            moved: torch.Tensor = values.detach().to(device, non_blocking=True)
            return moved
        return to_device(np.ascontiguousarray(to_host(values, self.operation, name)), device)

    def _refusal(self, expected: str, got: object) -> ValueError:
        return ValueError(f"[{self.operation}] expected {expected}, got {got}")


def add_logits(sums: DeviceSums, logits: torch.Tensor, batch: DeviceBatch) -> None:
    """`update`."""
    targets = batch.targets(logits, "the logits")
    add_masked(sums, logits.detach(), targets.labels, targets.types)
    batch.leave_out(sums)


def add_hidden(
    sums: DeviceSums, hidden: torch.Tensor, head: Head, batch: DeviceBatch, max_targets: int, limit: int
) -> None:
    """`update_from_hidden`; a batch with more than `max_targets` is left out."""
    wanted = batch.targets(hidden, "the hidden states")
    rows, fits = first_targets(wanted.labels, min(max_targets, wanted.labels.numel()))
    labels = wanted.labels[rows].masked_fill(~fits | (rows < 0), IGNORE_INDEX)
    add_chunks(sums, hidden, head, DeviceTargets(rows.clamp(min=0), labels, wanted.types[rows]), limit)
    sums.left_out += ~fits
    batch.leave_out(sums)


def add_chunks(sums: DeviceSums, hidden: torch.Tensor, head: Head, targets: DeviceTargets, limit: int) -> None:
    """Adds targets of hidden [..., H], all of them or, where memory runs out, none."""
    added = DeviceSums(hidden.device)
    for part, logits in logit_chunks(hidden, head, targets.rows, limit):
        add_masked(added, logits, targets.labels[part], targets.types[part])
        del logits  # before the next chunk is made
    sums.merge(added)


def add_tokens(
    sums: DeviceSums, nll: torch.Tensor, correct: torch.Tensor, entropy: torch.Tensor | None, batch: DeviceBatch
) -> None:
    """`update_from_tokens`; labels may be on the host."""
    shape = tuple(batch.labels.shape)
    for name, value in (("nll", nll), ("correct", correct), ("entropy", entropy)):
        if value is not None and (not is_torch(value) or tuple(value.shape) != shape):
            got = tuple(value.shape) if is_torch(value) else type(value).__name__
            raise ValueError(f"[{batch.operation}] expected {name} as a tensor of {shape}, got {got}")
    types, scored = (part.to(nll.device, non_blocking=True) for part in (batch.types(), batch.scored()))
    flat = None if entropy is None else entropy.detach().reshape(-1)
    sums.add_tokens(nll.detach().reshape(-1), correct.reshape(-1), flat, types.reshape(-1), scored)
    batch.leave_out(sums)


def first_targets(labels: torch.Tensor, most: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the first `most` of labels [n] are that are not negative, in order, [most]; -1: there are fewer. And
    whether there are no more, []."""
    import torch

    is_target = labels >= 0
    # Place `most`, which nobody reads, takes whatever has no other.
    place = (is_target.cumsum(0) - 1).masked_fill(~is_target, most).clamp(max=most)
    rows = torch.full((most + 1,), -1, dtype=torch.int64, device=labels.device)
    rows.scatter_(0, place, torch.arange(labels.numel(), device=labels.device))
    return rows[:most], is_target.sum() <= most
