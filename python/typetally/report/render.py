"""Typed tokens as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from typetally.base.tensors import Tensor, doubles, integers
from typetally.base.token_type import TYPE_NAMES
from typetally.report.shown_tokens import Score, ShownToken, one_line, pieces, show_token
from typetally.report.tokens_page import Answer, Rendered, assemble

_OPERATION = "render"


class VocabularyLike(Protocol):
    """What render needs of a Vocabulary."""

    def token_bytes(self, token_id: int, /) -> bytes: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class _Stats:
    """Host arrays, one entry per flattened label."""

    nll: NDArray[np.float64]
    entropy: NDArray[np.float64]
    rank: NDArray[np.int64]
    argmax: NDArray[np.int64]
    scored: NDArray[np.bool_]


def render(labels: Tensor, types: Tensor, vocab: VocabularyLike, stats: Any = None) -> Rendered:
    """The supervised tokens of `labels` in the colours of their types, each answer by itself.

    labels, types: integers [T] or [B, T], as `TokenTyper.type_labels` takes and gives them; negative labels are left
    out. Hovering shows a token's id, bytes and type. stats: what `row_stats` found (`nll`, `entropy`, `rank`,
    `argmax`) for the targets: the labels that are not negative, in order, without the first label of each row, which
    nothing predicts. Hovering then shows these too, colours can stand for nll or entropy, the worst tokens are listed,
    and a token that the model would not have chosen is struck through.
    A label that the vocabulary does not hold shows as its number. Raises ValueError or TypeError for arguments that do
    not fit.
    """
    ids = integers(labels, _OPERATION, "labels")
    kinds = integers(types, _OPERATION, "types")
    if ids.ndim not in (1, 2):
        raise ValueError(f"[{_OPERATION}] expected labels [T] or [B, T], got shape {ids.shape}")
    if kinds.shape != ids.shape:
        raise ValueError(f"[{_OPERATION}] expected types of shape {ids.shape}, got {kinds.shape}")
    unknown = sorted(set(kinds.reshape(-1).tolist()) - set(TYPE_NAMES))
    if unknown:
        raise ValueError(f"[{_OPERATION}] expected types within {sorted(TYPE_NAMES)}, got {unknown[0]}")
    values = None if stats is None else _host_stats(stats, ids)
    runs = _runs(ids)
    ids, kinds = ids.reshape(-1), kinds.reshape(-1)
    answers = []
    for number, run in enumerate(runs, 1):
        scores = [None if values is None else _score(values, vocab, at) for at in run]
        tokens = [_show(int(ids[at]), int(kinds[at]), vocab, score) for at, score in zip(run, scores, strict=True)]
        answers.append(Answer(tokens, f"answer {number}" if len(runs) > 1 else ""))
    return assemble(answers)


def _show(token: int, kind: int, vocab: VocabularyLike, score: Score | None) -> ShownToken:
    return show_token(vocab.token_bytes(token) if token < len(vocab) else None, kind, token, score)


def _host_stats(stats: Any, ids: NDArray[np.int64]) -> _Stats:
    missing = [name for name in ("nll", "entropy", "rank", "argmax") if not hasattr(stats, name)]
    if missing:
        raise TypeError(f"[{_OPERATION}] expected stats with {missing[0]}, got {type(stats).__name__}")
    scored = np.atleast_2d(ids) >= 0
    scored[:, :1] = False
    scored = scored.reshape(-1)
    places = np.flatnonzero(scored)

    def spread(values: NDArray[Any], absent: float) -> NDArray[Any]:
        if values.shape != places.shape:
            raise ValueError(f"[{_OPERATION}] expected stats of {places.size} targets, got shape {values.shape}")
        whole = np.full(ids.size, absent, values.dtype)
        whole[places] = values
        return whole

    return _Stats(
        nll=spread(doubles(stats.nll, _OPERATION, "stats.nll"), np.nan),
        entropy=spread(doubles(stats.entropy, _OPERATION, "stats.entropy"), np.nan),
        rank=spread(integers(stats.rank, _OPERATION, "stats.rank"), -1),
        argmax=spread(integers(stats.argmax, _OPERATION, "stats.argmax"), -1),
        scored=scored,
    )


def _runs(ids: NDArray[np.int64]) -> list[range]:
    """The maximal stretches of labels that are not negative, row by row, as positions in the flattened labels."""
    rows = np.atleast_2d(ids)
    edges = np.diff(np.pad(rows >= 0, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    width = rows.shape[1]
    begins, ends = np.nonzero(edges == 1), np.nonzero(edges == -1)
    return [range(r * width + b, r * width + e) for r, b, e in zip(*begins, ends[1], strict=True)]


def _score(stats: _Stats, vocab: VocabularyLike, at: int) -> Score | None:
    """None for a label that is no target. The model's choice is told where it is another token."""
    rank, best = int(stats.rank[at]), int(stats.argmax[at])
    if not stats.scored[at]:
        return None
    choice = vocab.token_bytes(best) if rank > 0 and 0 <= best < len(vocab) else None
    text = None if choice is None else one_line(pieces(choice))
    return Score(float(stats.nll[at]), float(stats.entropy[at]), rank, text)
