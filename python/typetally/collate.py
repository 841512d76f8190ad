"""Batches of samples, padded or packed, with the fields that trainers take."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally._tensors import integers, is_torch, to_host

Sample = Mapping[str, Any]
Batch = dict[str, Any]

_IGNORE_INDEX = -100
_IGNORE_TYPE = -1

_TOKEN_FIELDS = {
    "labels": _IGNORE_INDEX,
    "token_types": _IGNORE_TYPE,
    "mm_token_type_ids": 0,
    "token_type_ids": 0,
}
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
            "swift": the same, and `text_position_ids` `[B, T]` where `position_ids` are `[4, B, T]`.
            "megatron": `position_ids` (`[3, B, T]` where a sample has its own), `cu_seqlens_q`, `cu_seqlens_kv`
            (int32), `max_seqlen_q`, `max_seqlen_kv` (int), `qkv_format` "thd".
        mask_first_label: sets the first label of each document to -100.
        seq_idx: adds `seq_idx` (int32 `[B, T]`: the document's number in its row), which Mamba's kernels take.
        return_tensors: "pt" or "np"; by default what the samples hold, and for lists Torch where it is installed.

    Raises ValueError or TypeError that names the sample and the field.
    """
    if fields not in _FIELDS:
        raise ValueError(f"[collate_packed] expected fields as one of {tuple(_FIELDS)}, got {fields!r}")
    packs = [[s] if isinstance(s, Mapping) else list(s) for s in samples]
    if samples and isinstance(samples[0], Mapping):
        packs = [[sample for pack in packs for sample in pack]]
    reader = _Reader("collate_packed", [s for pack in packs for s in pack], drop_hidden=True)
    sizes = np.array([len(pack) for pack in packs], np.int64)
    layout = _core.layout_packed(reader.lengths, sizes, _multiple("collate_packed", multiple_of))
    batch = reader.token_fields(layout, pad_token_id)
    cu_seqlens = layout.cu_seqlens()
    if mask_first_label and "labels" in batch:
        batch["labels"].reshape(-1)[cu_seqlens[:-1]] = _IGNORE_INDEX
    batch |= _FIELDS[fields](layout.position_ids(), reader.mrope(layout), cu_seqlens)
    if seq_idx:
        batch["seq_idx"] = layout.seq_idx()
    return _finish(batch, reader, return_tensors)


def collate_padded(
    samples: Sequence[Sample],
    pad_token_id: int = 0,
    side: str = "right",
    *,
    multiple_of: int = 1,
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
    reader = _Reader("collate_padded", samples)
    layout = _core.layout_padded(reader.lengths, side == "left", _multiple("collate_padded", multiple_of))
    batch = reader.token_fields(layout, pad_token_id)
    mask = layout.attention_mask()
    if reader.has("attention_mask"):
        mask *= reader.token_field(layout, "attention_mask", 1)
        if "token_types" in batch:
            batch["token_types"][mask == 0] = _IGNORE_TYPE
    batch["attention_mask"] = mask
    positions = reader.mrope(layout)
    if positions is not None:
        batch["position_ids"] = positions
    return _finish(batch, reader, return_tensors)


class _Reader:
    """The samples of one call, checked."""

    def __init__(self, operation: str, samples: Sequence[Sample], drop_hidden: bool = False) -> None:
        self.operation = operation
        self.samples = samples
        if not samples:
            raise ValueError(f"[{operation}] expected samples, got none")
        for s, sample in enumerate(samples):
            if not isinstance(sample, Mapping) or "input_ids" not in sample:
                got = sorted(sample) if isinstance(sample, Mapping) else type(sample).__name__
                raise ValueError(f"[{operation}] expected input_ids in sample {s}, got {got}")
        self._kept: list[NDArray[np.bool_] | None] = [None] * len(samples)
        self._ids = [self._values(s, "input_ids") for s in range(len(samples))]
        if drop_hidden:
            self._kept = [self._visible(s) for s in range(len(samples))]
            self._ids = [self._keep(s, ids) for s, ids in enumerate(self._ids)]
        self.lengths = np.array([len(ids) for ids in self._ids], np.int64)

    def has(self, name: str) -> bool:
        return any(sample.get(name) is not None for sample in self.samples)

    def token_fields(self, layout: _core.BatchLayout, pad_token_id: int) -> Batch:
        batch: Batch = {"input_ids": layout.int64_field(self._ids, pad_token_id)}
        for name, fill in _TOKEN_FIELDS.items():
            if self.has(name):
                batch[name] = self.token_field(layout, name, fill)
        return batch

    def token_field(self, layout: _core.BatchLayout, name: str, fill: int) -> NDArray[Any]:
        values = [self._field(s, name, fill) for s in range(len(self.samples))]
        return layout.int8_field(values, fill) if name == "token_types" else layout.int64_field(values, fill)

    def mrope(self, layout: _core.BatchLayout) -> NDArray[np.int64] | None:
        """`[3 | 4, B, T]` where a sample has positions by axis; a sample without has its text positions on each."""
        if not self.has("position_ids"):
            return None
        positions = [self._positions(s) for s in range(len(self.samples))]
        axes = max(len(p) for p in positions)
        if axes == 1:
            return None  # text positions, which are made anew
        rows = []
        for axis in range(axes):
            rows.append(layout.int64_field([self._axis(p, axis, axes) for p in positions], 0))
        return np.stack(rows)

    def _axis(self, positions: NDArray[np.int64], axis: int, axes: int) -> NDArray[np.int64]:
        if len(positions) == 1:
            positions = np.broadcast_to(positions, (axes, positions.shape[1]))
        if len(positions) < axes:  # t, h, w beside samples that bring text positions too
            positions = np.concatenate([np.arange(positions.shape[1], dtype=np.int64)[None], positions])
        row: NDArray[np.int64] = np.ascontiguousarray(positions[axis])
        return row

    def _positions(self, s: int) -> NDArray[np.int64]:
        """`[1 | 3 | 4, T]`"""
        length = len(self._ids[s])
        value = self.samples[s].get("position_ids")
        if value is None:
            return np.arange(length, dtype=np.int64)[None]
        array = integers(value, self.operation, f"position_ids of sample {s}")
        if array.ndim == 1 or (array.ndim == 2 and len(array) == 1):
            return np.arange(length, dtype=np.int64)[None]
        if array.ndim == 3 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 2 or len(array) not in (3, 4):
            shape = list(np.shape(value))
            raise ValueError(
                f"[{self.operation}] expected position_ids of sample {s} of shape [3 or 4, tokens], got {shape}"
            )
        return np.stack([self._keep(s, self._checked(s, "position_ids", row)) for row in array])

    def _values(self, s: int, name: str) -> NDArray[np.int64]:
        array: NDArray[np.int64] = integers(self.samples[s][name], self.operation, f"{name} of sample {s}")
        if array.ndim == 2 and len(array) == 1:
            array = array[0]
        if array.ndim != 1:
            raise ValueError(
                f"[{self.operation}] expected {name} of sample {s} of shape [tokens], got {list(array.shape)}"
            )
        return array

    def _field(self, s: int, name: str, fill: int) -> NDArray[np.int64]:
        if self.samples[s].get(name) is None:
            if name == "labels":
                raise ValueError(f"[{self.operation}] expected labels in every sample, got none in sample {s}")
            return np.full(len(self._ids[s]), fill, np.int64)
        return self._keep(s, self._checked(s, name, self._values(s, name)))

    def _checked(self, s: int, name: str, values: NDArray[np.int64]) -> NDArray[np.int64]:
        kept = self._kept[s]
        length = len(self._ids[s]) if kept is None else len(kept)
        if len(values) != length:
            expected = f"{name} of sample {s} as long as its input_ids ({length})"
            raise ValueError(f"[{self.operation}] expected {expected}, got {len(values)}")
        return values

    def _visible(self, s: int) -> NDArray[np.bool_] | None:
        if self.samples[s].get("attention_mask") is None:
            return None
        visible = self._checked(s, "attention_mask", self._values(s, "attention_mask")) != 0
        return None if visible.all() else visible

    def _keep(self, s: int, values: NDArray[np.int64]) -> NDArray[np.int64]:
        kept = self._kept[s]
        return values if kept is None else values[kept]


def _multiple(operation: str, multiple_of: int) -> int:
    if multiple_of < 1:
        raise ValueError(f"[{operation}] expected multiple_of >= 1, got {multiple_of}")
    return multiple_of


def _transformers(text: NDArray[Any], mrope: NDArray[Any] | None, cu_seqlens: NDArray[Any]) -> Batch:
    longest = int(np.diff(cu_seqlens).max(initial=0))
    return {
        "position_ids": text if mrope is None else np.concatenate([text[None], mrope[-3:]]),
        "cu_seq_lens_q": cu_seqlens,
        "cu_seq_lens_k": cu_seqlens,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def _swift(text: NDArray[Any], mrope: NDArray[Any] | None, cu_seqlens: NDArray[Any]) -> Batch:
    batch = _transformers(text, mrope, cu_seqlens)
    return batch if mrope is None else batch | {"text_position_ids": text}


def _megatron(text: NDArray[Any], mrope: NDArray[Any] | None, cu_seqlens: NDArray[Any]) -> Batch:
    longest = int(np.diff(cu_seqlens).max(initial=0))
    return {
        "position_ids": text if mrope is None else mrope[-3:],
        "cu_seqlens_q": cu_seqlens,
        "cu_seqlens_kv": cu_seqlens,
        "max_seqlen_q": longest,
        "max_seqlen_kv": longest,
        "qkv_format": "thd",
    }


_FIELDS = {"transformers": _transformers, "swift": _swift, "megatron": _megatron}


def _finish(batch: Batch, reader: _Reader, return_tensors: str | None) -> Batch:
    """Adds the pictures, and turns arrays into what the caller wants."""
    torch_wanted = _wants_torch(reader, return_tensors)
    for name in _CONCATENATED:
        values = [sample[name] for sample in reader.samples if sample.get(name) is not None]
        if values:
            batch[name] = _concatenated(values, reader.operation, name, torch_wanted)
    if not torch_wanted:
        return batch
    import torch

    return {name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in batch.items()}


def _wants_torch(reader: _Reader, return_tensors: str | None) -> bool:
    if return_tensors not in (None, "pt", "np"):
        raise ValueError(f'[{reader.operation}] expected return_tensors as "pt" or "np", got {return_tensors!r}')
    ids = reader.samples[0]["input_ids"]
    if return_tensors is not None:
        return return_tensors == "pt"
    return is_torch(ids) or (not isinstance(ids, np.ndarray) and importlib.util.find_spec("torch") is not None)


def _concatenated(values: list[Any], operation: str, name: str, torch_wanted: bool) -> Any:
    try:
        if torch_wanted:
            import torch

            return torch.cat([value if is_torch(value) else torch.as_tensor(value) for value in values])
        return np.concatenate([to_host(value, operation, name) for value in values])
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"[{operation}] expected {name} that can be concatenated, got: {error}") from None
