"""Compares packed logits with each document's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.distributed.tensor import DTensor

from typetally.batch.boundaries import document_boundaries
from typetally.collator.notes import NOTES_KEY
from typetally.isolation.leaks import leaks
from typetally.isolation.report import Document, IsolationReport
from typetally.model.outputs import find_logits
from typetally.model.unwrap import causal_lm, unwrap

# What describes the packed batch as a whole and has no meaning for one document alone, or would make a loss.
_LOSS = ("labels", "shift_labels", "token_types", NOTES_KEY, "num_items_in_batch")
_PACK = ("attention_mask", "seq_lengths", "seq_idx", "cu_seqlens", "cu_seq_lens_q", "cu_seq_lens_k", "max_length_q")
_OF_THE_PACK = frozenset((*_LOSS, *_PACK, "max_length_k", "text_position_ids"))
_VISUALS = (
    ("pixel_values", "image_grid_thw", "image_token_id"),
    ("pixel_values_videos", "video_grid_thw", "video_token_id"),
)

# Of the largest logit, by what the output embedding computes in, which under autocast is narrower than its results.
# In float32 isolated rows agree to about 1e-6 and leaking ones differ by about the logits' size.
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
_TOLERANCE_HALF = 5e-2

# Logits are compared in double precision, so many at a time.
_CHUNK = 1 << 22


def compare(model: nn.Module, batch: Mapping[str, Any]) -> IsolationReport:
    """check_isolation, for which Torch has to be there."""
    if not torch.is_tensor(batch.get("input_ids")) or batch["input_ids"].ndim != 2:
        got = type(batch.get("input_ids")).__name__
        raise ValueError(f"[check_isolation] expected input_ids [B, T] as a torch tensor, got {got}")
    model = unwrap(model)
    _refuse_sharded(model)
    config = getattr(causal_lm(model), "config", None)
    inputs = {key: value for key, value in batch.items() if key not in _LOSS}
    documents = _documents(batch)
    alone = _cut(inputs, documents, config)
    with _evaluating(model), _dtypes_of(model) as dtypes:
        packed = _logits(model, inputs)
        differences = np.zeros(len(documents))
        for k, document in enumerate(documents):
            differences[k] = _distance(_of(packed, document), _logits(model, alone[k])[0])
        narrowest = min([packed.dtype, *dtypes], key=lambda dtype: -torch.finfo(dtype).eps)
        tolerance = _TOLERANCE.get(narrowest, _TOLERANCE_HALF) * max(map(abs, map(float, packed.aminmax())))
        isolated = bool((differences <= tolerance).all())
        sees = np.zeros((len(documents),) * 2) if isolated else _sees(model, inputs, documents, packed, config)
    advice = () if isolated else tuple(f"{fault}: {remedy}" for fault, remedy in leaks(config, inputs))
    return IsolationReport(isolated, tuple(documents), differences, sees, tolerance, advice)


def _documents(batch: Mapping[str, Any]) -> list[Document]:
    rows, columns = batch["input_ids"].shape
    bounds = document_boundaries({"labels": batch["input_ids"], **batch}).tolist()
    mask = batch.get("attention_mask")
    real = np.ones((rows, columns), bool)
    if torch.is_tensor(mask) and mask.shape == (rows, columns):
        real = (mask != 0).cpu().numpy()
    documents = []
    for begin, end in pairwise(bounds):
        row, first = divmod(begin, columns)
        inside = np.flatnonzero(real[row, first : first + end - begin])
        if len(inside):  # the rest is padding
            documents.append(Document(row, first + int(inside[0]), first + int(inside[-1]) + 1))
    return documents


def _cut(inputs: Mapping[str, Any], documents: list[Document], config: Any) -> list[dict[str, Any]]:
    """Each document's own inputs."""
    shape = tuple(inputs["input_ids"].shape)
    visual = {key for names in _VISUALS for key in names[:2]}
    alone: list[dict[str, Any]] = []
    for document in documents:
        mine = {}
        for key, value in inputs.items():
            if key not in _OF_THE_PACK and key not in visual:
                mine[key] = _slice(value, document, shape)
        alone.append(mine)
    for pixels, grids, token in _VISUALS:
        if inputs.get(pixels) is not None:
            _deal(inputs, documents, alone, (pixels, grids), getattr(config, token, None), config)
    return alone


def _slice(value: Any, document: Document, shape: tuple[int, ...]) -> Any:
    if not torch.is_tensor(value):
        return value
    rows, columns = slice(document.row, document.row + 1), slice(document.begin, document.end)
    if tuple(value.shape[:2]) == shape:
        return value[rows, columns]
    if value.ndim == 3 and tuple(value.shape[1:]) == shape:  # [3 | 4, B, T]
        return value[:, rows, columns]
    if value.ndim >= 2 and tuple(value.shape[-2:]) == (1, shape[1]):  # one row of positions for all
        return value[..., columns]
    return value


def _deal(
    inputs: Mapping[str, Any],
    documents: list[Document],
    alone: list[dict[str, Any]],
    keys: tuple[str, str],
    token: int | None,
    config: Any,
) -> None:
    """Deals out pictures in order: a document owns as many as its placeholder tokens make up."""
    pixels, grids = keys
    grid = inputs.get(grids)
    merge = getattr(getattr(config, "vision_config", None), "spatial_merge_size", None)
    if grid is None or token is None or merge is None:
        raise ValueError(f"[check_isolation] expected {grids} and a placeholder token beside {pixels}, got none")
    sizes = grid.prod(-1).tolist()
    picture, patch = 0, 0
    for document, mine in zip(documents, alone, strict=True):
        wanted = int((_of(inputs["input_ids"], document) == token).sum()) * merge**2
        first, start = picture, patch
        while picture < len(sizes) and patch - start < wanted:
            patch += sizes[picture]
            picture += 1
        if patch - start != wanted:
            raise ValueError(f"[check_isolation] expected {wanted} patches of {pixels} for a document, got other grids")
        if wanted:
            mine[pixels], mine[grids] = inputs[pixels][start:patch], grid[first:picture]


def _sees(
    model: nn.Module, inputs: Mapping[str, Any], documents: list[Document], packed: torch.Tensor, config: Any
) -> npt.NDArray[np.float64]:
    """[i, j]: how far i's logits move when every ordinary token of j becomes another one of the batch."""
    ids = inputs["input_ids"]
    tokens = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id", "audio_token_id")
    kept = [token for name in tokens if (token := getattr(config, name, None)) is not None]
    ordinary = [id for id in ids.unique().tolist() if id not in kept]
    others = {id: ordinary[k - 1] for k, id in enumerate(ordinary)}
    sees = np.zeros((len(documents), len(documents)))
    for j, changed in enumerate(documents):
        swapped = ids.clone()
        mine = _of(swapped, changed)
        mine.copy_(torch.tensor([others.get(id, id) for id in mine.tolist()], device=ids.device))
        moved = _logits(model, {**inputs, "input_ids": swapped})
        for i, document in enumerate(documents):
            if i != j:
                sees[i, j] = _distance(_of(moved, document), _of(packed, document))
    return sees


def _of(tensor: torch.Tensor, document: Document) -> torch.Tensor:
    return tensor[document.row, document.begin : document.end]


def _logits(model: nn.Module, inputs: Mapping[str, Any]) -> torch.Tensor:
    logits = find_logits(model(**inputs))
    if logits is None:
        raise ValueError("[check_isolation] expected a model that returns logits, got none")
    return logits


def _distance(a: torch.Tensor, b: torch.Tensor) -> float:
    rows = max(1, _CHUNK // a.shape[-1])
    parts = zip(torch.split(a, rows), torch.split(b, rows), strict=True)
    return max(float((mine.double() - other.double()).abs().max()) for mine, other in parts)


def _refuse_sharded(model: nn.Module) -> None:
    """Ranks hold different numbers of documents, and a forward of a sharded model is one that all ranks make."""
    for parameter in model.parameters():
        if isinstance(parameter, DTensor) or hasattr(parameter, "ds_id") or hasattr(parameter, "_is_flat_param"):
            raise ValueError(
                "[check_isolation] expected a model whose parameters are whole on this rank, got sharded ones "
                f"({type(parameter).__name__}); check it before it is wrapped by FSDP, DeepSpeed or tensor parallelism"
            )


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Each module goes back to its own mode: parts of a model may be kept in evaluation while the rest trains."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _dtypes_of(model: nn.Module) -> Iterator[set[torch.dtype]]:
    """What the output embedding computes in, known once it has run."""
    dtypes: set[torch.dtype] = set()
    embedding: Any = getattr(causal_lm(model), "get_output_embeddings", None)
    head = embedding() if callable(embedding) else None
    if not isinstance(head, nn.Module):
        yield dtypes
        return
    handle = head.register_forward_hook(lambda module, args, output: dtypes.add(output.dtype))
    try:
        yield dtypes
    finally:
        handle.remove()
