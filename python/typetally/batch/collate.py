"""Batches of samples, padded or packed, with the fields that trainers take."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import Tensor, like
from typetally.batch.mrope import RopeIndex
from typetally.batch.pictures import PICTURES, add_pictures
from typetally.batch.positions import axes_of, with_positions
from typetally.batch.visible import TOKEN_FIELDS, token_values, visible

Sample = Mapping[str, Any]
Batch = dict[str, Any]


def collate_packed(
    samples: Sequence[Sample] | Sequence[Sequence[Sample]],
    fields: str = "transformers",
    *,
    pad_token_id: int = 0,
    multiple_of: int = 1,
    mask_first_label: bool = False,
    seq_idx: bool = False,
    seq_lengths: bool = False,
    mrope: RopeIndex | None = None,
    return_tensors: str | None = None,
) -> Batch:
    """Puts samples one after the other into one row, or lists of samples into one row each.

    Rows are padded on the right to the widest (and a multiple of `multiple_of`); padding is a document of its own.
    There is no attention mask: Transformers isolates documents by positions and `cu_seq_lens_*` only in its absence.
    Tokens that a sample's own `attention_mask` hides are left out.

    Args:
        samples: mappings with `input_ids` and, where there are any, `labels`, `token_types`, `mm_token_type_ids`
            (one value per token), `position_ids` (`[3 | 4, (1,) T]`, the model's own), `pixel_values`,
            `image_grid_thw`, `pixel_values_videos`, `video_grid_thw`, `second_per_grid_ts`. Others are left out.
        fields: whose names the boundaries bear; all tensors of integers are `[B, T]` and int64, `token_types` int8:
            "transformers": `position_ids` (`[4, B, T]` where a sample has its own: text, t, h, w), `cu_seq_lens_q`,
            `cu_seq_lens_k` (int32 `[documents + 1]`), `max_length_q`, `max_length_k` (int).
            "swift": the same, but where a sample has its own, `position_ids` are `[3, B, T]` and `text_position_ids`
            `[B, T]`.
            "megatron": `position_ids` (`[3, B, T]` where a sample has its own), `cu_seqlens_q`, `cu_seqlens_kv`
            (int32), `max_seqlen_q`, `max_seqlen_kv` (int), `qkv_format` "thd".
        mask_first_label: sets the first label of each document to -100, and its type to IGNORE.
        seq_idx: adds `seq_idx` (int32 `[B, T]`: the document's number in its row), which Mamba's kernels take.
        seq_lengths: adds `seq_lengths` (int32 `[documents]`: tokens of each, stretches of padding included).
        mrope: makes `position_ids` `[3, T]` of samples with pictures that bring none: an `MRope`, or the model's own
            `get_rope_index`.
        return_tensors: "pt" or "np"; by default what the samples hold, and for lists Torch where it is installed.

    Raises ValueError or TypeError that names the sample and the field.
    """
    if fields not in _NAMES:
        raise ValueError(f"[collate_packed] expected fields as one of {tuple(_NAMES)}, got {fields!r}")
    flat, sizes = _flattened(samples, "collate_packed")
    reader = _reader(flat, "collate_packed")
    kind = _tensor_type(flat[0]["input_ids"], "collate_packed", return_tensors)
    if "attention_mask" in reader.names:
        flat = [visible(sample, s, "collate_packed") for s, sample in enumerate(flat)]
        reader = _reader(flat, "collate_packed")
    if mrope is not None:
        flat = with_positions(flat, mrope, "collate_packed")
        reader = _reader(flat, "collate_packed")
    names = reader.names
    arrays = reader.layout_packed(sizes, multiple_of, kind)
    batch: Batch = reader.fields(arrays, pad_token_id, mask_first_label)
    taken = _NAMES[fields]
    arrays.add_documents(batch, taken.cu_seqlens, taken.longest)
    if taken.constants:
        batch |= taken.constants
    if seq_idx:
        batch["seq_idx"] = arrays.seq_idx()
    if seq_lengths:
        batch["seq_lengths"] = arrays.seq_lengths()
    if "position_ids" in names:
        axes = axes_of(arrays, flat, "collate_packed")
        if axes is not None:
            batch |= taken.by_axis(batch["position_ids"], axes)
    if not names.isdisjoint(PICTURES):
        add_pictures(batch, flat, names, "collate_packed", kind is not None)
    return batch


def collate_padded(
    samples: Sequence[Sample],
    pad_token_id: int = 0,
    side: str = "right",
    *,
    multiple_of: int = 1,
    mrope: RopeIndex | None = None,
    return_tensors: str | None = None,
) -> Batch:
    """Puts each sample into a row, padded on one side to the longest (and a multiple of `multiple_of`).

    Takes the same samples as `collate_packed`. Gives `input_ids`, `attention_mask` and what the samples hold of the
    other fields. In padding `labels` are -100, `token_types` IGNORE, the mask 0; a sample's own `attention_mask` is
    kept, and its `token_types` are IGNORE where it is 0. `position_ids` (`[3 | 4, B, T]`) only where a sample has its
    own.
    """
    if side not in ("left", "right"):
        raise ValueError(f'[collate_padded] expected side as "left" or "right", got {side!r}')
    flat = samples if isinstance(samples, list) and _core.all_dicts(samples) else _as_dicts(samples, "collate_padded")
    reader = _reader(flat, "collate_padded")
    if mrope is not None:
        flat = with_positions(flat, mrope, "collate_padded")
        reader = _reader(flat, "collate_padded")
    names = reader.names
    kind = _tensor_type(flat[0]["input_ids"], "collate_padded", return_tensors)
    arrays = reader.layout_padded(side == "left", multiple_of, kind)
    batch: Batch = reader.fields(arrays, pad_token_id, False)
    mask = batch["attention_mask"] = reader.attention_mask(arrays)
    if "attention_mask" in names and "token_types" in batch:
        batch["token_types"][mask == 0] = TOKEN_FIELDS["token_types"]
    if "position_ids" in names:
        axes = axes_of(arrays, flat, "collate_padded")
        if axes is not None:
            batch["position_ids"] = like(mask, axes)
    if not names.isdisjoint(PICTURES):
        add_pictures(batch, flat, names, "collate_padded", kind is not None)
    return batch


def _flattened(
    samples: Sequence[Sample] | Sequence[Sequence[Sample]], operation: str
) -> tuple[list[dict[str, Any]], list[int]]:
    """All samples, and how many each pack has: samples that are not in lists are one pack."""
    if isinstance(samples, list) and _core.all_dicts(samples):
        return samples, [len(samples)]
    _expect_list(samples, operation)
    if len(samples) == 0 or isinstance(samples[0], Mapping):
        return _as_dicts(cast(Sequence[Sample], samples), operation), [len(samples)]
    packs = cast(Sequence[Sequence[Sample]], samples)
    for p, pack in enumerate(packs):
        if len(pack) == 0:
            raise ValueError(f"[{operation}] expected samples in pack {p}, got none")
    return _as_dicts([sample for pack in packs for sample in pack], operation), [len(pack) for pack in packs]


def _expect_list(samples: object, operation: str) -> None:
    if isinstance(samples, Mapping) or not hasattr(samples, "__len__"):
        raise TypeError(f"[{operation}] expected a list of samples, got {type(samples).__name__}")


def _as_dicts(samples: Sequence[Sample], operation: str) -> list[dict[str, Any]]:
    _expect_list(samples, operation)
    for s, sample in enumerate(samples):
        if not isinstance(sample, Mapping):
            raise TypeError(f"[{operation}] expected sample {s} as a mapping, got {type(sample).__name__}")
    return [sample if type(sample) is dict else dict(sample) for sample in samples]


def _reader(samples: list[dict[str, Any]], operation: str) -> _core.SampleReader:
    return _core.SampleReader(samples, operation, token_values)


class _Names(NamedTuple):
    """The boundaries' names, and what becomes of text positions [B, T] and those by axis [3 | 4, B, T]."""

    cu_seqlens: tuple[str, ...]
    longest: tuple[str, ...]
    by_axis: Callable[[Tensor, NDArray[np.int64]], Batch]
    constants: Mapping[str, str] = {}


def _text_first(text: Tensor, axes: NDArray[np.int64]) -> Batch:
    return {"position_ids": like(text, np.concatenate([np.asarray(text)[None], axes[-3:]]))}


def _text_apart(text: Tensor, axes: NDArray[np.int64]) -> Batch:
    return {"position_ids": like(text, axes[-3:]), "text_position_ids": text}


def _without_text(text: Tensor, axes: NDArray[np.int64]) -> Batch:
    return {"position_ids": like(text, axes[-3:])}


_CU_SEQ_LENS = ("cu_seq_lens_q", "cu_seq_lens_k")
_MAX_LENGTH = ("max_length_q", "max_length_k")
_NAMES = {
    "transformers": _Names(_CU_SEQ_LENS, _MAX_LENGTH, _text_first),
    "swift": _Names(_CU_SEQ_LENS, _MAX_LENGTH, _text_apart),
    "megatron": _Names(
        ("cu_seqlens_q", "cu_seqlens_kv"), ("max_seqlen_q", "max_seqlen_kv"), _without_text, {"qkv_format": "thd"}
    ),
}


def _tensor_type(ids: object, operation: str, return_tensors: str | None) -> Any:
    """`torch.Tensor` where the batch is to be Torch's, None where it is to be NumPy's."""
    if return_tensors is None:
        return _tensor_type_for(type(ids))  # type: ignore[arg-type]  # mypy: types have no hash
    if return_tensors not in ("pt", "np"):
        raise ValueError(f'[{operation}] expected return_tensors as "pt" or "np", got {return_tensors!r}')
    return _torch_tensor() if return_tensors == "pt" else None


@functools.cache
def _tensor_type_for(kind: type) -> Any:
    """By default what the samples hold, and Torch's for what is neither's where it is installed."""
    if issubclass(kind, np.ndarray) or importlib.util.find_spec("torch") is None:
        return None
    return _torch_tensor()


@functools.cache
def _torch_tensor() -> Any:
    import torch

    return torch.Tensor
