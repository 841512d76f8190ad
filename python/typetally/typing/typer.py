"""Types the supervised tokens of labels: what the model is learning at each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.base.tensors import Tensor, integers, like
from typetally.text.grammar import Grammar, make_marker
from typetally.text.payload import REFERENCE_KEYS
from typetally.text.vocabulary import Vocabulary
from typetally.typing.payload_route import Skipped, align_payload


class Span(NamedTuple):
    """Bytes [begin, end) of a text as UTF-8, and their type: DESC 1, COORD 2, FORMAT 3."""

    begin: int
    end: int
    type: int


@dataclass(frozen=True)
class TypedLabels:
    """What TokenTyper.type_labels_with_report found. `types` are int8, shaped and placed like the labels; each document
    in `skipped` is IGNORE throughout; `unparsed_bytes` of structure could not be placed and are FORMAT."""

    types: Tensor
    documents: int
    supervised_tokens: int
    unparsed_bytes: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class TypedPayload:
    """What TokenTyper.type_payload found: `types` int8, like the labels, or None and the `skipped` that says why;
    `reason` is that as text."""

    types: Tensor | None
    skipped: Skipped | None = None

    @property
    def reason(self) -> str | None:
        return None if self.skipped is None else str(self.skipped)


class TokenTyper:
    """Types labels by what they decode to. Immutable, shared by threads, picklable.

    vocab: a Vocabulary, or whatever Vocabulary.from_tokenizer takes.
    grammar: a name of `grammars()`, a Grammar, or "auto", which picks one for each answer.
    desc_keys, coord_keys: the JSON keys whose values are descriptions and coordinates. Where they are not given, the
        text route takes the grammar's, type_payload the reference's (desc; bbox_2d, poly).
    """

    def __init__(
        self,
        vocab: Any,
        grammar: str | Grammar = "auto",
        desc_keys: Sequence[str] | None = None,
        coord_keys: Sequence[str] | None = None,
    ) -> None:
        self._vocabulary = Vocabulary.from_tokenizer(vocab)
        self._grammar = grammar
        self._desc_keys = _keys("desc_keys", desc_keys)
        self._coord_keys = _keys("coord_keys", coord_keys)
        self._marker = make_marker(grammar, self._desc_keys, self._coord_keys)
        self._core = _core.TokenTyper(self._vocabulary._core, self._marker)

    @property
    def vocabulary(self) -> Vocabulary:
        return self._vocabulary

    @property
    def payload_keys(self) -> tuple[Sequence[str], Sequence[str]]:
        """The desc and the coord keys of the payload route."""
        desc, coord = REFERENCE_KEYS
        return (
            desc if self._desc_keys is None else self._desc_keys,
            coord if self._coord_keys is None else self._coord_keys,
        )

    def type_labels(self, labels: Tensor, cu_seqlens: Tensor | None = None) -> Tensor:
        """Types int8 of `labels` [T] or [B, T] (any integer dtype; a list, NumPy, or a tensor on any device), shaped
        and placed like them. `cu_seqlens` are the documents' boundaries in the flattened labels; without it each row is
        one document. Labels of -100 are IGNORE, and so is a document with another that the vocabulary lacks. Raises
        TypeError and ValueError for other dtypes and shapes, and for boundaries that do not rise from 0 to the end."""
        return self._type(labels, cu_seqlens)[0]

    def type_labels_with_report(self, labels: Tensor, cu_seqlens: Tensor | None = None) -> TypedLabels:
        """type_labels, with what was left untyped and why."""
        types, documents, supervised, unparsed, skipped = self._type(labels, cu_seqlens)
        return TypedLabels(types, documents, supervised, unparsed, tuple(Skipped(*error) for error in skipped))

    def _type(self, labels: Tensor, cu_seqlens: Tensor | None) -> tuple[Tensor, int, int, int, list[tuple[Any, ...]]]:
        ids = integers(labels, "type_labels", "labels")
        if ids.ndim not in (1, 2):
            raise ValueError(f"[type_labels] expected labels [T] or [B, T], got shape {list(ids.shape)}")
        bounds = _ONE_DOCUMENT if ids.ndim == 1 else _row_boundaries(*ids.shape)
        if cu_seqlens is not None:
            bounds = integers(cu_seqlens, "type_labels", "cu_seqlens", np.int32)
            if bounds.ndim != 1 or not bounds.size:
                raise ValueError(f"[type_labels] expected cu_seqlens [documents + 1], got shape {list(bounds.shape)}")
        types, *report = self._core.type_labels(ids.reshape(-1), bounds)
        return (like(labels, types.reshape(ids.shape)), *report)

    def type_payload(self, payload: Any, labels: Tensor, suffix: str | Sequence[str] | None = "") -> TypedPayload:
        """Types of one document's `labels` [T] by the answer as an object: what they decode to must be `payload` as
        `json.dumps(payload, ensure_ascii=False)` writes it, and `suffix`, or cut short; at most 8 special tokens may
        follow. Data that does not fit is a reason, not an error."""
        ids = integers(labels, "type_payload", "labels")
        if ids.ndim != 1:
            raise ValueError(f"[type_payload] expected labels [T] of one sample, got shape {list(ids.shape)}")
        types, skipped = align_payload(self._vocabulary, payload, ids, suffix, self.payload_keys)
        return TypedPayload(None if types is None else like(labels, types), skipped)

    def spans(self, text: str) -> list[Span]:
        """How the grammar types an answer: spans of its UTF-8 bytes that tile it, neighbours of different type."""
        return [Span(*span) for span in self._marker.spans(_utf8(text))]

    def detect(self, text: str) -> str:
        """The name of the grammar that types this answer; "prose" where nothing is marked up."""
        return self._marker.detect(_utf8(text))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._vocabulary, self._grammar, self._desc_keys, self._coord_keys)

    def __repr__(self) -> str:
        return f"TokenTyper({self._vocabulary!r}, grammar={self._marker.name!r})"


def _keys(name: str, keys: Sequence[str] | None) -> tuple[str, ...] | None:
    if keys is None:
        return None
    if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
        raise TypeError(f"[TokenTyper] expected {name} as strings, got {keys!r}")
    return tuple(keys)


_ONE_DOCUMENT = np.empty(0, dtype=np.int32)
"""No boundaries, as the core takes it."""


def _row_boundaries(rows: int, length: int) -> NDArray[np.int32]:
    if rows * length > np.iinfo(np.int32).max:
        raise ValueError(f"[type_labels] expected fewer than 2**31 labels, got {rows * length}")
    return (np.arange(rows + 1) * length).astype(np.int32)


def _utf8(text: str) -> bytes:
    # A lone surrogate has no UTF-8; three bytes stand for it, as Python and WTF-8 write it.
    return text.encode("utf-8", "surrogatepass")
