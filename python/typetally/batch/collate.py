"""Batches of samples, padded or packed, with the fields that trainers take."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import integers, is_torch, like, to_host
from typetally.batch.mrope import RopeIndex
from typetally.batch.positions import axes_of, with_positions

Sample = Mapping[str, Any]
Batch = dict[str, Any]

_IGNORE_TYPE = -1
_INTEGERS = (int, np.integer)

_TOKEN_FIELDS: dict[str, int] = _core.TOKEN_FIELDS
"""One value per token, besides input_ids, and what stands in padding and for samples that lack the field."""

_CONCATENATED = (
    "pixel_values",
    "image_grid_thw",
    "pixel_values_videos",
    "video_grid_thw",
    "second_per_grid_ts",
)
"""Fields whose first axis runs over a sample's pictures or patches."""


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
    if fields not in _FIELDS:
        raise ValueError(f"[collate_packed] expected fields as one of {tuple(_FIELDS)}, got {fields!r}")
    flat, sizes = _flattened(samples)
    reader = _reader(flat, "collate_packed", multiple_of)
    if "attention_mask" in reader.names:
        flat = [_visible(sample, s) for s, sample in enumerate(flat)]
        reader = _reader(flat, "collate_packed")
    if mrope is not None:
        flat = with_positions(flat, mrope, "collate_packed")
        reader = _reader(flat, "collate_packed")
    layout = reader.layout_packed(sizes, multiple_of)
    batch: Batch = reader.fields(layout, _pad_id("collate_packed", pad_token_id))
    cu_seqlens = layout.cu_seqlens()
    if mask_first_label:
        for name in ("labels", "token_types"):
            if name in batch:
                batch[name].reshape(-1)[cu_seqlens[:-1]] = _TOKEN_FIELDS[name]
    axes = axes_of(layout, flat, "collate_packed") if "position_ids" in reader.names else None
    batch |= _FIELDS[fields](layout.position_ids(), axes, cu_seqlens, layout.longest())
    if seq_idx:
        batch["seq_idx"] = layout.seq_idx()
    if seq_lengths:
        batch["seq_lengths"] = np.diff(cu_seqlens)
    return _finish(batch, reader, flat, "collate_packed", return_tensors)


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
    flat = _checked(samples, "collate_padded")
    reader = _reader(flat, "collate_padded", multiple_of)
    if mrope is not None:
        flat = with_positions(flat, mrope, "collate_padded")
        reader = _reader(flat, "collate_padded")
    layout = reader.layout_padded(side == "left", multiple_of)
    batch: Batch = reader.fields(layout, _pad_id("collate_padded", pad_token_id))
    mask = layout.attention_mask()
    if "attention_mask" in reader.names:
        mask *= reader.int64_field(layout, "attention_mask", 1)
        if "token_types" in batch:
            batch["token_types"][mask == 0] = _IGNORE_TYPE
    batch["attention_mask"] = mask
    axes = axes_of(layout, flat, "collate_padded") if "position_ids" in reader.names else None
    if axes is not None:
        batch["position_ids"] = axes
    return _finish(batch, reader, flat, "collate_padded", return_tensors)


def _flattened(samples: Sequence[Sample] | Sequence[Sequence[Sample]]) -> tuple[list[dict[str, Any]], list[int]]:
    """All samples, and how many each pack has: samples that are not in lists are one pack."""
    if isinstance(samples, Mapping):
        raise TypeError(f"[collate_packed] expected a list of samples, got {type(samples).__name__}")
    if len(samples) == 0 or type(samples[0]) is dict or isinstance(samples[0], Mapping):
        return _checked(cast(Sequence[Sample], samples), "collate_packed"), [len(samples)]
    packs = cast(Sequence[Sequence[Sample]], samples)
    for p, pack in enumerate(packs):
        if len(pack) == 0:
            raise ValueError(f"[collate_packed] expected samples in pack {p}, got none")
    return _checked([sample for pack in packs for sample in pack], "collate_packed"), [len(pack) for pack in packs]


def _checked(samples: Sequence[Sample], operation: str) -> list[dict[str, Any]]:
    """The samples as dictionaries."""
    if not samples:
        raise ValueError(f"[{operation}] expected samples, got none")
    listed = samples if type(samples) is list else list(samples)
    if _core.all_dicts(listed):
        return cast(list[dict[str, Any]], listed)
    for s, sample in enumerate(samples):
        if not isinstance(sample, Mapping):
            raise TypeError(f"[{operation}] expected sample {s} as a mapping, got {type(sample).__name__}")
    return [sample if type(sample) is dict else dict(sample) for sample in samples]


def _reader(samples: list[dict[str, Any]], operation: str, multiple_of: int = 1) -> _core.SampleReader:
    if multiple_of < 1:
        raise ValueError(f"[{operation}] expected multiple_of >= 1, got {multiple_of}")
    reader = _core.SampleReader(samples, operation, _token_values)
    if "labels" in reader.names:
        reader.expect_in_all("labels")
    return reader


def _token_values(value: object, operation: str, what: str) -> NDArray[np.int64]:
    """What the core does not read by itself: other dtypes, devices, strides, and whatever is wrong."""
    array: NDArray[np.int64] = integers(value, operation, what)
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim != 1:
        raise ValueError(f"[{operation}] expected {what} of shape [tokens], got {list(array.shape)}")
    return array


def _visible(sample: dict[str, Any], s: int) -> dict[str, Any]:
    """The sample without the tokens that its own attention mask hides."""
    mask = sample.get("attention_mask")
    if mask is None:
        return sample
    shown = _token_values(mask, "collate_packed", f"attention_mask of sample {s}") != 0
    if shown.all():
        return {name: value for name, value in sample.items() if name != "attention_mask"}
    result = {name: sample[name] for name in _CONCATENATED if name in sample}
    for name in ("input_ids", *_TOKEN_FIELDS, "position_ids"):
        if sample.get(name) is None:
            continue
        values = integers(sample[name], "collate_packed", f"{name} of sample {s}")
        if values.shape[-1:] != shown.shape:
            expected = f"{name} of sample {s} as long as its attention_mask ({len(shown)})"
            raise ValueError(f"[collate_packed] expected {expected}, got {list(values.shape)}")
        result[name] = like(sample[name], values[..., shown])
    return result


def _pad_id(operation: str, pad_token_id: int) -> int:
    if isinstance(pad_token_id, bool) or not isinstance(pad_token_id, _INTEGERS):
        raise TypeError(f"[{operation}] expected pad_token_id as an integer, got {pad_token_id!r}")
    if not 0 <= pad_token_id < 2**31:
        raise ValueError(f"[{operation}] expected pad_token_id from 0 to 2^31 - 1, got {pad_token_id}")
    return int(pad_token_id)


def _transformers(text: NDArray[Any], axes: NDArray[Any] | None, cu_seqlens: NDArray[Any], longest: int) -> Batch:
    return {
        "position_ids": text if axes is None else np.concatenate([text[None], axes[-3:]]),
        "cu_seq_lens_q": cu_seqlens,
        "cu_seq_lens_k": cu_seqlens,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def _swift(text: NDArray[Any], axes: NDArray[Any] | None, cu_seqlens: NDArray[Any], longest: int) -> Batch:
    batch = _transformers(text, None, cu_seqlens, longest)
    return batch if axes is None else batch | {"position_ids": axes[-3:], "text_position_ids": text}


def _megatron(text: NDArray[Any], axes: NDArray[Any] | None, cu_seqlens: NDArray[Any], longest: int) -> Batch:
    return {
        "position_ids": text if axes is None else axes[-3:],
        "cu_seqlens_q": cu_seqlens,
        "cu_seqlens_kv": cu_seqlens,
        "max_seqlen_q": longest,
        "max_seqlen_kv": longest,
        "qkv_format": "thd",
    }


_FIELDS = {"transformers": _transformers, "swift": _swift, "megatron": _megatron}


def _finish(
    batch: Batch,
    reader: _core.SampleReader,
    samples: list[dict[str, Any]],
    operation: str,
    return_tensors: str | None,
) -> Batch:
    """Adds the pictures, and turns arrays into what the caller wants."""
    torch_wanted = _wants_torch(samples[0]["input_ids"], operation, return_tensors)
    if not reader.names.isdisjoint(_CONCATENATED):
        for name in _CONCATENATED:
            if name in reader.names:
                batch[name] = _concatenated(samples, operation, name, torch_wanted)
    return _as_torch(batch) if torch_wanted else batch


def _as_torch(batch: Batch) -> Batch:
    """Tensors over the arrays' memory; what is one array under two names is one tensor."""
    from torch import from_numpy

    made: dict[int, Any] = {}
    for name, value in batch.items():
        if isinstance(value, np.ndarray):
            tensor = made.get(id(value))
            if tensor is None:
                tensor = made[id(value)] = from_numpy(value)
            batch[name] = tensor
    return batch


def _wants_torch(ids: object, operation: str, return_tensors: str | None) -> bool:
    if return_tensors is None:
        return not isinstance(ids, np.ndarray) and (is_torch(ids) or _torch_is_installed())
    if return_tensors not in ("pt", "np"):
        raise ValueError(f'[{operation}] expected return_tensors as "pt" or "np", got {return_tensors!r}')
    return return_tensors == "pt"


@functools.cache
def _torch_is_installed() -> bool:
    return importlib.util.find_spec("torch") is not None


def _concatenated(samples: list[dict[str, Any]], operation: str, name: str, torch_wanted: bool) -> Any:
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
