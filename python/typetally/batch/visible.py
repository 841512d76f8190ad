"""The collators' token fields, and samples without the tokens that their own attention masks hide."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import integers, like
from typetally.batch.pictures import PICTURES

TOKEN_FIELDS: dict[str, int] = _core.TOKEN_FIELDS
"""One value per token, besides input_ids, and what stands in padding and for samples that lack the field."""


def token_values(value: object, operation: str, what: str) -> NDArray[np.int64]:
    """What the core does not read by itself: other dtypes, devices, strides, and whatever is wrong."""
    array: NDArray[np.int64] = integers(value, operation, what)
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim != 1:
        raise ValueError(f"[{operation}] expected {what} of shape [tokens], got {list(array.shape)}")
    return array


def shown_tokens(sample: dict[str, Any], s: int, operation: str) -> NDArray[np.bool_] | None:
    """Where the sample's own attention mask is not 0; None without one."""
    mask = sample.get("attention_mask")
    return None if mask is None else token_values(mask, operation, f"attention_mask of sample {s}") != 0


def visible(sample: dict[str, Any], s: int, operation: str) -> dict[str, Any]:
    """The sample without the tokens that its own attention mask hides."""
    shown = shown_tokens(sample, s, operation)
    if shown is None:
        return sample
    if shown.all():
        return {name: value for name, value in sample.items() if name != "attention_mask"}
    result = {name: sample[name] for name in PICTURES if name in sample}
    for name in ("input_ids", *TOKEN_FIELDS, "position_ids"):
        if sample.get(name) is None:
            continue
        values = integers(sample[name], operation, f"{name} of sample {s}")
        if values.shape[-1:] != shown.shape:
            expected = f"{name} of sample {s} as long as its attention_mask ({len(shown)})"
            raise ValueError(f"[{operation}] expected {expected}, got {list(values.shape)}")
        result[name] = like(sample[name], values[..., shown])
    return result
