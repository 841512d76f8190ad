"""Positions by time, height and width for Qwen's vision-language models, per sample."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from typetally.base.tensors import doubles, integers

_IMAGE, _VIDEO = 1, 2
_GRIDS = ("image_grid_thw", "video_grid_thw")


@dataclass(frozen=True)
class MRope:
    """Makes positions from a sample's grids, as Transformers 5 does for Qwen2-VL, Qwen2.5-VL, Qwen3-VL and their kin.

    Text counts up by one on all three axes. A picture or video of grid (t, h, w) starts where the text before it ended
    and spreads over its axes; the text after it goes on max(h, w) / merge_size later.
    """

    merge_size: int = 2
    """Patches of one token along height and along width."""
    image_token_id: int | None = None
    """Tells pictures where a sample has no `mm_token_type_ids`."""
    video_token_id: int | None = None
    tokens_per_second: float | None = None
    """Qwen2.5-VL: how far apart in time two frames one second apart are; None: 1, whatever their rate."""
    frames_apart: bool = False
    """Qwen3-VL: text with the time stands between a video's frames, so each frame is placed like a picture."""

    def __post_init__(self) -> None:
        if self.merge_size < 1:
            raise ValueError(f"[MRope] expected merge_size >= 1, got {self.merge_size}")

    @classmethod
    def from_config(cls, config: Any) -> MRope:
        """From a model's `config`. ValueError where it describes no such model."""
        vision = getattr(config, "vision_config", None)
        merge_size = getattr(vision, "spatial_merge_size", None)
        if merge_size is None:
            raise ValueError(f"[MRope] expected a config with a vision_config of Qwen's, got {type(config).__name__}")
        return cls(
            merge_size,
            getattr(config, "image_token_id", None),
            getattr(config, "video_token_id", None),
            getattr(vision, "tokens_per_second", None),
            # Qwen2-VL and Qwen2.5-VL alone count a video's frames as one block.
            str(getattr(config, "model_type", "")) not in ("qwen2_vl", "qwen2_5_vl"),
        )

    def positions(self, sample: Mapping[str, Any]) -> NDArray[np.int64]:
        """int64 `[3, T]`: time, height and width of each of the sample's tokens.

        Read from its `mm_token_type_ids` (0 text, 1 picture, 2 video) or else its `input_ids`, `image_grid_thw`,
        `video_grid_thw` (`[n, 3]`, in patches) and `second_per_grid_ts` (`[videos]`, seconds; 1 by default).
        Raises ValueError where pictures and their tokens do not match.
        """
        kinds = self._kinds(sample)
        grids = {_IMAGE: iter(_grids(sample, _GRIDS[0])), _VIDEO: iter(self._video_grids(sample))}
        result = np.empty((3, len(kinds)), np.int64)
        at = position = 0
        while at < len(kinds):
            kind = int(kinds[at])
            if kind == 0:
                end = at + _run(kinds[at:])
                result[:, at:end] = np.arange(position, position + end - at)
                position += end - at
            else:
                grid, interval = self._next(grids, kind)
                block = self._block(grid, interval) + position
                end = at + block.shape[1]
                if end > len(kinds) or (kinds[at:end] != kind).any():
                    tokens = _run(kinds[at:])
                    raise ValueError(f"[MRope] expected {block.shape[1]} tokens for grid {grid.tolist()}, got {tokens}")
                result[:, at:end] = block
                position += int(max(grid[1:])) // self.merge_size
            at = end
        left = sum(1 for kind in grids for _ in grids[kind])
        if left:
            raise ValueError(f"[MRope] expected tokens for each picture, got {left} without")
        return result

    def _kinds(self, sample: Mapping[str, Any]) -> NDArray[np.int64]:
        if sample.get("mm_token_type_ids") is not None:
            return integers(sample["mm_token_type_ids"], "MRope", "mm_token_type_ids").reshape(-1)
        ids = integers(sample["input_ids"], "MRope", "input_ids").reshape(-1)
        kinds = np.zeros(len(ids), np.int64)
        for kind, token in ((_IMAGE, self.image_token_id), (_VIDEO, self.video_token_id)):
            if token is not None:
                kinds[ids == token] = kind
        return kinds

    def _video_grids(self, sample: Mapping[str, Any]) -> list[tuple[NDArray[np.int64], float]]:
        videos = [grid for grid, _ in _grids(sample, _GRIDS[1])]
        if self.frames_apart:
            return [(np.array([1, *grid[1:]]), 1.0) for grid in videos for _ in range(int(grid[0]))]
        if self.tokens_per_second is None:
            return [(grid, 1.0) for grid in videos]
        seconds = sample.get("second_per_grid_ts")
        rates = [1.0] * len(videos) if seconds is None else doubles(seconds, "MRope", "second_per_grid_ts").tolist()
        if len(rates) != len(videos):
            raise ValueError(f"[MRope] expected second_per_grid_ts of {len(videos)} videos, got {len(rates)}")
        return [(grid, self.tokens_per_second * rate) for grid, rate in zip(videos, rates, strict=True)]

    def _next(self, grids: Mapping[int, Any], kind: int) -> tuple[NDArray[np.int64], float]:
        if kind not in grids:
            raise ValueError(f"[MRope] expected mm_token_type_ids of 0, 1 and 2, got {kind}")
        found: tuple[NDArray[np.int64], float] | None = next(grids[kind], None)
        if found is None:
            raise ValueError(f"[MRope] expected a row of {_GRIDS[kind - 1]} for each picture, got too few")
        return found

    def _block(self, grid: NDArray[np.int64], interval: float) -> NDArray[np.int64]:
        """`[3, tokens of the grid]`, from 0. Time is rounded down from float32, as Torch computes it."""
        t, h, w = (int(n) for n in grid // (1, self.merge_size, self.merge_size))
        times = (np.arange(t, dtype=np.float32) * np.float32(interval)).astype(np.int64)
        block = np.empty((3, t, h, w), np.int64)
        block[0] = times[:, None, None]
        block[1] = np.arange(h)[:, None]
        block[2] = np.arange(w)
        return block.reshape(3, -1)


RopeIndex: TypeAlias = MRope | Callable[..., Any]
"""An MRope, or a model's own `get_rope_index`."""


def mrope_positions(rope: RopeIndex, sample: Mapping[str, Any]) -> Any:
    """`[3, T]` for one sample that brings no positions; None where it has no pictures, so that text positions do."""
    if all(sample.get(name) is None for name in _GRIDS):
        return None
    return rope.positions(sample) if isinstance(rope, MRope) else _by_model(rope, sample)


def _by_model(get_rope_index: Callable[..., Any], sample: Mapping[str, Any]) -> Any:
    import torch

    known = inspect.signature(get_rope_index).parameters
    rows = {
        name: torch.as_tensor(sample[name]).reshape(1, -1)
        for name in ("input_ids", "mm_token_type_ids")
        if name in known and sample.get(name) is not None
    }
    pictures = {
        name: torch.as_tensor(sample[name])
        for name in (*_GRIDS, "second_per_grid_ts")
        if name in known and sample.get(name) is not None
    }
    positions, _ = get_rope_index(**rows, **pictures)
    return positions[:, 0]


def _grids(sample: Mapping[str, Any], name: str) -> list[tuple[NDArray[np.int64], float]]:
    """The rows of a field of grids, each with the distance of its frames in time."""
    if sample.get(name) is None:
        return []
    grids = integers(sample[name], "MRope", name)
    if grids.ndim != 2 or grids.shape[1] != 3:
        raise ValueError(f"[MRope] expected {name} of shape [pictures, 3], got {list(grids.shape)}")
    return [(grid, 1.0) for grid in grids]


def _run(kinds: NDArray[np.int64]) -> int:
    """How many values at the start are the same."""
    other = np.flatnonzero(kinds != kinds[0])
    return int(other[0]) if len(other) else len(kinds)
