"""Typed tokens as HTML."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from typetally import pages
from typetally._tensors import Tensor, doubles, integers

_OPERATION = "render"
TYPE_NAMES = {1: "desc", 2: "coord", 3: "format", -1: "ignore"}
"""The values of `token_types` and what they are called."""

# Characters that would not show, by something that does. A line break keeps breaking the line.
_STAND_INS = {"\n": "⏎\n", "\t": "⇥\t", "\r": "␍"}


class VocabularyLike(Protocol):
    """What render needs of a Vocabulary."""

    def token_bytes(self, token_id: int, /) -> bytes: ...

    def __len__(self) -> int: ...


class Rendered:
    """Typed tokens as HTML: `html` is a whole page without references; notebooks show the object inline."""

    def __init__(self, fragment: str) -> None:
        self._fragment = fragment

    @property
    def html(self) -> str:
        """A self-contained page."""
        css = pages.styles("page.css", "tokens.css")
        return str(pages.fill("tokens_page.html", css=css, body=pages.markup(self._fragment)))

    @property
    def fragment(self) -> str:
        """The `<div>` alone, to be placed in a page that has `tokens.css`."""
        return self._fragment

    def _repr_html_(self) -> str:
        return f"<style>{pages.styles('tokens.css')}</style>{self._fragment}"


@dataclass(frozen=True)
class _Stats:
    """Host arrays, one entry per flattened label."""

    nll: NDArray[np.float64]
    entropy: NDArray[np.float64]
    rank: NDArray[np.int64]
    argmax: NDArray[np.int64]


@dataclass(frozen=True)
class _Piece:
    text: str
    stand_in: bool


@dataclass(frozen=True)
class _Token:
    name: str
    hover: str
    pieces: list[_Piece]
    missed: bool


@dataclass(frozen=True)
class _Entry:
    name: str
    text: str


def render(labels: Tensor, types: Tensor, vocab: VocabularyLike, stats: Any = None) -> Rendered:
    """The supervised tokens of `labels` in the colours of their types, each answer by itself.

    labels, types: integers [T] or [B, T], as `TokenTyper.type_labels` takes and gives them; negative labels are left
    out. Hovering shows a token's id, bytes and type. stats: what `row_stats` found (`nll`, `entropy`, `rank`,
    `argmax`) for the targets: the labels that are not negative, in order, without the first label of each row, which
    nothing predicts. Hovering then shows these too, and a token that the model would not have chosen is struck through.
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
    answers = [[_token(int(ids[at]), int(kinds[at]), vocab, values, at) for at in run] for run in runs]
    legend = _legend(ids, kinds, values)
    return Rendered(str(pages.fill("tokens.html", answers=answers, legend=legend)))


def _host_stats(stats: Any, ids: NDArray[np.int64]) -> _Stats:
    missing = [name for name in ("nll", "entropy", "rank", "argmax") if not hasattr(stats, name)]
    if missing:
        raise TypeError(f"[{_OPERATION}] expected stats with {missing[0]}, got {type(stats).__name__}")
    scored = np.atleast_2d(ids) >= 0
    scored[:, :1] = False
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
    )


def _runs(ids: NDArray[np.int64]) -> list[range]:
    """The maximal stretches of labels that are not negative, row by row, as positions in the flattened labels."""
    rows = np.atleast_2d(ids)
    edges = np.diff(np.pad(rows >= 0, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    width = rows.shape[1]
    begins, ends = np.nonzero(edges == 1), np.nonzero(edges == -1)
    return [range(r * width + b, r * width + e) for r, b, e in zip(*begins, ends[1], strict=True)]


def _token(token: int, kind: int, vocab: VocabularyLike, stats: _Stats | None, at: int) -> _Token:
    known = token < len(vocab)
    raw = vocab.token_bytes(token) if known else b""
    facts = [f"id {token}", f"bytes {raw.hex(' ')}" if known else "not in the vocabulary", TYPE_NAMES[kind]]
    missed = False
    if stats is not None and stats.rank[at] >= 0:
        facts += [f"nll {stats.nll[at]:.3f}", f"entropy {stats.entropy[at]:.3f}", f"rank {stats.rank[at]}"]
        missed = bool(stats.rank[at] > 0)
        best = int(stats.argmax[at])
        if missed and 0 <= best < len(vocab):
            facts.append("model's choice " + vocab.token_bytes(best).decode("utf-8", "backslashreplace"))
    pieces = _pieces(raw) if raw else [_Piece(f"⟨{token}⟩", stand_in=True)]
    return _Token(TYPE_NAMES[kind], " · ".join(facts), pieces, missed)


def _pieces(raw: bytes) -> list[_Piece]:
    """`raw` as text that shows all of it: bytes that are no whole character in hex, control characters by stand-ins."""
    pieces: list[_Piece] = []
    for char in raw.decode("utf-8", "surrogateescape"):
        if "\udc80" <= char <= "\udcff":
            shown = f"⟨{ord(char) - 0xDC00:02x}⟩"
        elif char in _STAND_INS:
            shown = _STAND_INS[char]
        elif char < " ":
            shown = chr(0x2400 + ord(char))
        elif unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp"):
            shown = f"⟨U+{ord(char):04X}⟩"
        else:
            shown = char
        stand_in = shown != char
        if pieces and not stand_in and not pieces[-1].stand_in:
            pieces[-1] = _Piece(pieces[-1].text + shown, stand_in)
        else:
            pieces.append(_Piece(shown, stand_in))
    return pieces


def _legend(ids: NDArray[np.int64], kinds: NDArray[np.int64], stats: _Stats | None) -> list[_Entry]:
    entries = []
    for kind, name in TYPE_NAMES.items():
        chosen = (ids >= 0) & (kinds == kind)
        if not chosen.any():
            continue
        text = f"tokens: {int(chosen.sum()):,}"
        if stats is not None and (scored := chosen & (stats.rank >= 0)).any():
            hits = float((stats.rank[scored] == 0).mean())
            text += (
                f", accuracy {hits:.3f}, nll {stats.nll[scored].mean():.3f}, entropy {stats.entropy[scored].mean():.3f}"
            )
        entries.append(_Entry(name, text))
    return entries
