"""The collators' pictures: what the samples have of them, in the samples' order."""

from __future__ import annotations

from typing import Any

import numpy as np

from typetally.base.tensors import integers, is_torch, to_host

PICTURES = (
    "pixel_values",
    "image_grid_thw",
    "pixel_values_videos",
    "video_grid_thw",
    "second_per_grid_ts",
)
"""Fields whose first axis runs over a sample's pictures or patches."""

_PATCHES = (("pixel_values", "image_grid_thw"), ("pixel_values_videos", "video_grid_thw"))


def add_pictures(
    batch: dict[str, Any], samples: list[dict[str, Any]], names: set[str], operation: str, torch_wanted: bool
) -> None:
    """Adds those of PICTURES that are among the samples' `names`."""
    for pixels, grids in _PATCHES:
        if pixels in names and grids in names:
            _expect_patches(samples, pixels, grids, operation)
    for name in PICTURES:
        if name in names:
            batch[name] = _concatenated(samples, name, operation, torch_wanted)


def _expect_patches(samples: list[dict[str, Any]], pixels: str, grids: str, operation: str) -> None:
    """Raises ValueError for a sample whose pixels [patches, ...] are not as many as its grids [pictures, 3] say."""
    for s, sample in enumerate(samples):
        if sample.get(pixels) is None or sample.get(grids) is None:
            continue
        sizes = integers(sample[grids], operation, f"{grids} of sample {s}")
        if sizes.ndim != 2 or sizes.shape[1] != 3 or (sizes < 1).any():
            expected = f"{grids} of sample {s} as sizes [pictures, 3]"
            raise ValueError(f"[{operation}] expected {expected}, got {sizes.tolist()}")
        patches, rows = int(sizes.prod(axis=1).sum()), len(sample[pixels])
        if patches != rows:
            raise ValueError(f"[{operation}] expected {patches} rows of {pixels} in sample {s}, got {rows}")


def _concatenated(samples: list[dict[str, Any]], name: str, operation: str, torch_wanted: bool) -> Any:
    """One field of all samples that have it, along its first axis."""
    values: list[Any] = []
    for s, sample in enumerate(samples):
        if sample.get(name) is None:
            continue
        value = _as_tensor(sample[name], torch_wanted, operation, f"{name} of sample {s}")
        if values and value.shape[1:] != values[0].shape[1:]:
            expected = f"{name} of sample {s} of shape {['n', *values[0].shape[1:]]}".replace("'", "")
            raise ValueError(f"[{operation}] expected {expected}, got {list(value.shape)}")
        values.append(value)
    if not torch_wanted:
        return np.concatenate(values)
    import torch

    return torch.cat(values)


def _as_tensor(value: Any, torch_wanted: bool, operation: str, what: str) -> Any:
    tensor = value if torch_wanted and is_torch(value) else to_host(value, operation, what)
    if tensor.ndim == 0:
        raise ValueError(f"[{operation}] expected {what} with an axis of pictures, got a number")
    if not torch_wanted or is_torch(tensor):
        return tensor
    import torch

    return torch.as_tensor(np.ascontiguousarray(tensor))
