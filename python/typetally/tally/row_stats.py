"""Statistics of rows of logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import Tensor, check_tensor, doubles, integers, is_torch, like, on_host, readable
from typetally.tally import cuda_route
from typetally.tally.torch_route import chunks, read_rows, to_device, wide

_OPERATION = "row_stats"


class RowStats:
    """What `row_stats` found, one entry per row; of the same kind and on the same device as the logits.

    nll and entropy are float64, in nats; argmax and rank are int64; finite is bool. `nll` is NaN and `rank` -1 where
    the label's logit is unknown; a row with NaN or +inf has NaN and -1 throughout.
    """

    def __init__(self, core: _core.RowStatsBatch, reference: object) -> None:
        self._core = core
        self._reference = reference

    def __len__(self) -> int:
        return len(self._core.argmax)

    @property
    def nll(self) -> Tensor:
        """[N] negative log-likelihood of the label."""
        return like(self._reference, self._core.nll)

    @property
    def entropy(self) -> Tensor:
        """[N] entropy of the row's softmax."""
        return like(self._reference, self._core.entropy)

    @property
    def argmax(self) -> Tensor:
        """[N] vocabulary id of the first largest logit."""
        return like(self._reference, self._core.argmax)

    @property
    def rank(self) -> Tensor:
        """[N] number of ids that come before the label: larger logits, and equal ones of lower id."""
        return like(self._reference, self._core.rank)

    @property
    def finite(self) -> Tensor:
        """[N] False where a logit is NaN or +inf, or the label's is -inf."""
        return like(self._reference, self._core.finite.astype(np.bool_))

    def merge(self, other: RowStats) -> RowStats:
        """The statistics of whole rows from those of two disjoint shards of their vocabulary, in any order."""
        if not isinstance(other, RowStats):
            raise TypeError(f"[merge] expected RowStats, got {type(other).__name__}")
        return RowStats(self._core.merge(other._core), self._reference)


def row_stats(logits: Tensor, labels: Tensor, vocab_offset: int = 0, label_logits: Tensor | None = None) -> RowStats:
    """Negative log-likelihood, entropy, argmax and rank of each row, from one read of the logits.

    logits: [N, V], bfloat16, float16, float32 or float64, any strides. labels: [N], vocabulary ids; logits[i] predicts
    labels[i]. For a vocabulary-parallel shard, `vocab_offset` is the id of column 0 and `label_logits` [N] are the
    labels' logits wherever they are (without them the rank is known only in the shard that holds the label, so that
    of the merged row is not). Raises ValueError or TypeError for arguments that do not fit.
    """
    check_tensor(logits, _OPERATION, "logits")
    ids = integers(labels, _OPERATION, "labels")
    shape = tuple(logits.shape)
    if len(shape) != 2:
        raise ValueError(f"[{_OPERATION}] expected logits [N, V], got shape {shape}")
    if ids.shape != shape[:1]:
        raise ValueError(f"[{_OPERATION}] expected labels of shape {shape[:1]}, got {ids.shape}")
    known = None if label_logits is None else doubles(label_logits, _OPERATION, "label_logits")
    if known is not None and known.shape != shape[:1]:
        raise ValueError(f"[{_OPERATION}] expected label_logits of shape {shape[:1]}, got {known.shape}")
    if is_torch(logits) and cuda_route.reads(logits):
        cuda_route.wait(logits)
    elif is_torch(logits) and not on_host(logits):
        return RowStats(_read_by_torch(logits.detach(), ids, int(vocab_offset), known), logits)
    return RowStats(_core.row_stats(readable(logits, _OPERATION), ids, int(vocab_offset), known), logits)


def _read_by_torch(
    logits: Tensor, labels: NDArray[np.int64], offset: int, label_logits: NDArray[np.float64] | None
) -> _core.RowStatsBatch:
    import torch

    ids = to_device(labels, logits.device)
    known = None if label_logits is None else torch.from_numpy(label_logits).to(logits.device, wide(logits.device))
    reals, wholes = [], []
    for part in chunks(len(labels), logits.shape[1]):
        rows = read_rows(logits[part], ids[part], offset, None if known is None else known[part])
        reals.append(torch.stack([rows.max, rows.s1, rows.s2, rows.label_logit], dim=1))
        wholes.append(torch.stack([rows.argmax, rows.rank, rows.has_label.long(), rows.finite.long()], dim=1))
    if not reals:
        return _core.RowStatsBatch.from_columns(np.empty(0), np.empty(0, dtype=np.int64))
    return _core.RowStatsBatch.from_columns(
        torch.cat(reals).double().cpu().numpy().reshape(-1), torch.cat(wholes).cpu().numpy().reshape(-1)
    )
