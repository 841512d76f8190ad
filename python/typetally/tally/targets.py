"""Which labels of a batch are targets, and which rows of the logits predict them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import Tensor, integers, to_host


class Batch:
    """Labels, types and boundaries on the host, checked against each other."""

    def __init__(
        self,
        operation: str,
        labels: Tensor,
        token_types: Tensor | None,
        cu_seqlens: Tensor | None,
        shifted: bool,
    ) -> None:
        self.operation = operation
        self.shifted = shifted
        self.labels = integers(labels, operation, "labels")
        if self.labels.ndim not in (1, 2):
            raise ValueError(f"[{operation}] expected labels [T] or [B, T], got shape {self.shape}")
        self.types = None if token_types is None else integers(token_types, operation, "token_types", np.int8)
        self.cu_seqlens = None if cu_seqlens is None else integers(cu_seqlens, operation, "cu_seqlens", np.int32)
        if self.cu_seqlens is not None and (self.cu_seqlens.ndim != 1 or self.cu_seqlens.size < 1):
            raise ValueError(f"[{operation}] expected cu_seqlens [documents + 1], got shape {self.cu_seqlens.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.labels.shape)

    def targets(self, rows: tuple[int, ...], logits_to_keep: int | Tensor | None) -> _core.Targets:
        """The targets, their rows numbered over the flattened `rows` (the logits' shape without the vocabulary)."""
        kept, columns = (None, 0) if logits_to_keep is None else self._kept_columns(logits_to_keep)
        if kept is None:
            self._expect("labels", self.shape, rows)
        else:
            self._expect("logits", rows, (*self.shape[:-1], len(kept)))
            self._spread(kept, columns)
        if self.types is not None:
            self._expect("token_types", tuple(self.types.shape), self.shape)
        found = _core.find_targets(
            self.labels.reshape(-1),
            None if self.types is None else self.types.reshape(-1),
            self.shape[-1],
            self.cu_seqlens,
            self.shifted,
        )
        return found if kept is None else found.keep_columns(self.shape[-1], kept)

    def _expect(self, name: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if got != expected:
            raise ValueError(f"[{self.operation}] expected {name} of shape {expected}, got {got}")

    def _columns(self) -> int | None:
        """T as far as the boundaries tell it."""
        if self.cu_seqlens is None:
            return None
        rows = 1 if self.labels.ndim == 1 else self.shape[0]
        return int(self.cu_seqlens[-1]) // max(rows, 1)

    def _kept_columns(self, keep: int | Tensor) -> tuple[NDArray[np.int64] | None, int]:
        """The positions whose logits there are (None: all), and how many positions there were."""
        columns = self._columns() or self.shape[-1]
        if isinstance(keep, int) and not isinstance(keep, bool):
            if keep < 0:
                raise ValueError(f"[{self.operation}] expected logits_to_keep of 0 or more, got {keep}")
            return (None if keep == 0 or keep >= columns else np.arange(columns - keep, columns)), columns
        chosen = to_host(keep, self.operation, "logits_to_keep")
        if chosen.ndim != 1:
            raise ValueError(f"[{self.operation}] expected logits_to_keep [T], got shape {chosen.shape}")
        if chosen.dtype.kind == "b":
            return np.flatnonzero(chosen), len(chosen)
        return integers(chosen, self.operation, "logits_to_keep"), columns

    def _spread(self, kept: NDArray[np.int64], columns: int) -> None:
        """Puts labels and types that were cut down like the logits back where they belong among all positions."""
        if self.shape[-1] != columns:
            self._expect("labels", self.shape, (*self.shape[:-1], len(kept)))
            self.labels = self._spread_one(self.labels, kept, columns, -100)
        if self.types is not None and self.types.shape[-1] != columns:
            self._expect("token_types", tuple(self.types.shape), (*self.shape[:-1], len(kept)))
            self.types = self._spread_one(self.types, kept, columns, -1)

    def _spread_one(self, values: NDArray[Any], kept: NDArray[np.int64], columns: int, fill: int) -> NDArray[Any]:
        spread = np.full((*values.shape[:-1], columns), fill, dtype=values.dtype)
        if self.shifted:
            spread[..., kept] = values
        else:  # logits j predict label j + 1 of those that were kept, and position kept[j] + 1 of all
            inside = kept[:-1] + 1 < columns
            spread[..., kept[:-1][inside] + 1] = values[..., 1:][..., inside]
        return spread


def whole_labels(labels: Tensor, logits_to_keep: int | Tensor, columns: int) -> NDArray[np.int64]:
    """Labels [B, columns] of all positions, from labels [B, K] that were cut down like the logits that are kept."""
    batch = Batch("whole_labels", labels, None, np.array([0, int(np.prod(labels.shape[:-1])) * columns]), False)
    kept, total = batch._kept_columns(logits_to_keep)
    if kept is not None:
        batch._spread(kept, total)
    return batch.labels
