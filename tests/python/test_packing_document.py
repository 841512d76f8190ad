"""The tables of docs/packing.md are what the collators return: every key, dtype and shape."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

import typetally as tt

COLUMNS = ("transformers", "swift", "megatron", "collate_padded")
SIZES = {"B": 2, "T": 8, "documents": 5, "patches": 8, "video_patches": 24, "values": 4, "pictures": 2, "videos": 1}


def tables(root: Path) -> list[dict[str, dict[str, tuple[str, list[int]]]]]:
    """Of each table of keys: by column and key, dtype and shape."""
    found: list[dict[str, dict[str, tuple[str, list[int]]]]] = []
    for line in (root / "docs/packing.md").read_text().splitlines():
        if line.startswith("| key | dtype |"):
            found.append({column: {} for column in COLUMNS})
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        key = re.match(r"`(\w+)`", cells[0])
        if len(cells) != 2 + len(COLUMNS) or not key:
            continue
        for column, shape in zip(COLUMNS, cells[2:], strict=True):
            if shape:
                dimensions = [part for part in shape.strip("`[]").split(", ") if part]
                found[-1][column][key[1]] = (cells[1], [size(part) for part in dimensions])
    return found


def size(dimension: str) -> int:
    name, _, more = dimension.partition(" + ")
    return (SIZES[name] if name in SIZES else int(name)) + int(more or 0)


def described(batch: dict[str, Any]) -> dict[str, tuple[str, list[int]]]:
    return {
        name: (str(value.dtype).removeprefix("torch."), list(value.shape))
        if isinstance(value, torch.Tensor)
        else (type(value).__name__, [])
        for name, value in batch.items()
    }


def collate(samples: list[Any], column: str, **options: Any) -> dict[str, Any]:
    """Two rows; of packed ones the second has a stretch of padding."""
    if column == "collate_padded":
        return tt.collate_padded(samples[:2], multiple_of=8, **options)
    return tt.collate_packed([samples[:2], samples[2:]], column, seq_idx=True, seq_lengths=True, **options)


def text(length: int) -> dict[str, Any]:
    ids = list(range(1, length + 1))
    return {"input_ids": ids, "labels": ids, "token_types": [3] * length, "token_type_ids": [0] * length}


@pytest.mark.parametrize("column", COLUMNS)
def test_keys_dtypes_and_shapes_of_texts(column: str, root: Path) -> None:
    assert described(collate([text(3), text(5), text(4), text(2)], column)) == tables(root)[0][column]


@pytest.mark.parametrize("column", COLUMNS)
def test_keys_dtypes_and_shapes_of_pictures(column: str, root: Path) -> None:
    picture = {
        "input_ids": [9],
        "mm_token_type_ids": [1],
        "pixel_values": torch.ones(4, 4),
        "image_grid_thw": torch.tensor([[1, 2, 2]]),
    }
    video = {
        "input_ids": [1] + [8] * 6,
        "mm_token_type_ids": [0] + [2] * 6,
        "pixel_values_videos": torch.ones(24, 4),
        "video_grid_thw": torch.tensor([[2, 2, 6]]),
        "second_per_grid_ts": torch.tensor([0.5]),
    }
    samples = [video, picture, picture, {"input_ids": [1, 2]}]
    if column == "collate_padded":
        samples = [
            video,
            {**picture, "pixel_values": torch.ones(8, 4), "image_grid_thw": torch.tensor([[1, 2, 2]] * 2)},
        ]
        samples[1] |= {"input_ids": [9] * 2, "mm_token_type_ids": [1] * 2}
    batch = collate(samples, column, mrope=tt.MRope(tokens_per_second=2.0))
    of_texts, of_pictures = tables(root)
    expected = of_texts[column] | of_pictures[column]
    for absent in ("labels", "token_types", "token_type_ids"):
        del expected[absent]
    assert described(batch) == expected
