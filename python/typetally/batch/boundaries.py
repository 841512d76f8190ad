"""Where the documents of a batch begin, from whatever the batch carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import integers, is_tensor, to_host

_CU_SEQLENS, _SEQ_LENGTHS, _POSITION_IDS, _ATTENTION_MASK = range(4)

_SOURCES = (
    ("cu_seq_lens_q", _CU_SEQLENS),
    ("cu_seqlens", _CU_SEQLENS),
    ("cu_seqlens_q", _CU_SEQLENS),
    ("seq_lengths", _SEQ_LENGTHS),
    ("text_position_ids", _POSITION_IDS),
    ("position_ids", _POSITION_IDS),
    ("attention_mask", _ATTENTION_MASK),
)
_SHAPED_LIKE_ROWS = ("labels", "input_ids", "token_types", "inputs_embeds")


def document_boundaries(batch: Mapping[str, Any]) -> NDArray[np.int32]:
    """int32 `[documents + 1]`: where documents begin in the flattened `[B * T]` positions, from 0 to `B * T`.

    Read, in this order, from `cu_seq_lens_q` / `cu_seqlens` / `cu_seqlens_q`, `seq_lengths`, text positions
    (`text_position_ids`; `position_ids` `[B, T]`, `[1, T]` or `[4, B, T]`; `[3, B, T]` says nothing), an attention mask
    of document indices (1..n, 0 in padding), a 1-D attention mask from 0 to `B * T`; without any, each row is one
    document. A 0/1 mask only tells padding. Padding left of a row's first token is a document of its own. Tensors may
    be lists, NumPy, Torch (on any device), or anything that speaks DLPack.

    Raises ValueError where two sources disagree between two tokens (both are shown) or do not fit the rows.
    """
    rows, columns = _shape(batch)
    kinds: list[int] = []
    names: list[str] = []
    arrays: list[NDArray[np.int64]] = []
    for name, kind in _SOURCES:
        array = _read(batch, name)
        if array is not None:
            kinds.append(kind)
            names.append(name)
            arrays.append(array)
    return _core.document_boundaries(rows, columns, kinds, names, arrays)


def _shape(batch: Mapping[str, Any]) -> tuple[int, int]:
    for name in _SHAPED_LIKE_ROWS:
        value = batch.get(name)
        if value is None:
            continue
        shape = tuple(value.shape) if is_tensor(value) else np.shape(to_host(value, "document_boundaries", name))
        shape = shape[: 2 if name == "inputs_embeds" else None]
        if len(shape) not in (1, 2):
            raise ValueError(f"[document_boundaries] expected {name} of shape [T] or [B, T], got {list(shape)}")
        return (1, int(shape[0])) if len(shape) == 1 else (int(shape[0]), int(shape[1]))
    raise ValueError(
        f"[document_boundaries] expected a batch with {' or '.join(_SHAPED_LIKE_ROWS)}, got {sorted(batch)}"
    )


def _read(batch: Mapping[str, Any], name: str) -> NDArray[np.int64] | None:
    value = batch.get(name)
    if value is None or isinstance(value, Mapping):  # Transformers' masks by layer type are masks over pairs
        return None
    if name == "seq_lengths" and isinstance(value, (list, tuple)):
        value = _padded_with_zeros(value)
    array = to_host(value, "document_boundaries", name)
    if name == "attention_mask" and (array.ndim > 2 or array.dtype.kind == "f"):
        return None  # a mask over pairs of positions
    if array.dtype.kind == "b":
        array = array.astype(np.int64)
    return integers(array, "document_boundaries", name)


def _padded_with_zeros(lengths: Any) -> Any:
    """Lists of different lengths, one per row, as one array."""
    if not lengths or not all(isinstance(row, (list, tuple)) for row in lengths):
        return lengths
    width = max(len(row) for row in lengths)
    return [[*row, *[0] * (width - len(row))] for row in lengths]
