"""The collators' positions by axis, from those of the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import integers
from typetally.batch.mrope import RopeIndex, mrope_positions
from typetally.batch.visible import shown_tokens, visible


def with_positions(samples: list[dict[str, Any]], mrope: RopeIndex, operation: str) -> list[dict[str, Any]]:
    """The samples, those with pictures and without positions of their own with what `mrope` makes."""
    made = []
    for s, sample in enumerate(samples):
        positions = _made(sample, s, mrope, operation) if sample.get("position_ids") is None else None
        made.append(sample if positions is None else sample | {"position_ids": positions})
    return made


def _made(sample: dict[str, Any], s: int, mrope: RopeIndex, operation: str) -> Any:
    """`[3, T]` from the tokens that are shown, 0 at the others, as models count; None for a sample without pictures."""
    seen = visible(sample, s, operation)
    try:
        positions = mrope_positions(mrope, seen)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"[{operation}] expected sample {s} to match its grids, got: {error}") from None
    shown = shown_tokens(sample, s, operation)
    if positions is None or shown is None:
        return positions
    spread = np.zeros((3, len(shown)), np.int64)
    spread[:, shown] = integers(positions, operation, f"positions of sample {s}")
    return spread


def axes_of(layout: _core.BatchArrays, samples: list[dict[str, Any]], operation: str) -> NDArray[np.int64] | None:
    """`[3 | 4, B, T]` where a sample has positions by axis; a sample without has its text positions on each."""
    lengths = layout.lengths()
    positions = [_positions(sample, s, int(lengths[s]), operation) for s, sample in enumerate(samples)]
    axes = max(len(p) for p in positions)
    if axes == 1:
        return None  # text positions, which are made anew
    rows = [layout.place([_axis(p, axis, axes) for p in positions], 0) for axis in range(axes)]
    return np.stack(rows)


def _positions(sample: dict[str, Any], s: int, length: int, operation: str) -> NDArray[np.int64]:
    """`[1 | 3 | 4, T]`"""
    shown = shown_tokens(sample, s, operation)
    text = np.arange(length)[None] if shown is None else np.where(shown, np.cumsum(shown) - 1, 0)[None]
    if sample.get("position_ids") is None:
        return text
    array: NDArray[np.int64] = integers(sample["position_ids"], operation, f"position_ids of sample {s}")
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape in ((length,), (1, length)):
        return text
    if array.shape not in ((3, length), (4, length)):
        expected = f"position_ids of sample {s} of shape [3 or 4, {length}]"
        raise ValueError(f"[{operation}] expected {expected}, got {list(array.shape)}")
    return array


def _axis(positions: NDArray[np.int64], axis: int, axes: int) -> NDArray[np.int64]:
    if len(positions) == 1:
        positions = np.broadcast_to(positions, (axes, positions.shape[1]))
    if len(positions) < axes:  # t, h, w beside samples that bring text positions too
        positions = np.concatenate([np.arange(positions.shape[1], dtype=np.int64)[None], positions])
    row: NDArray[np.int64] = np.ascontiguousarray(positions[axis])
    return row
