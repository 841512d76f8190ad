"""The reference's own function: token types of one sample, from its payload."""

from __future__ import annotations

import importlib
import importlib.util
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally.base.tensors import integers, to_host
from typetally.base.token_type import IGNORE_INDEX
from typetally.text.payload import REFERENCE_KEYS
from typetally.text.vocabulary import Vocabulary
from typetally.typing.payload_route import align_payload


def compute_token_types(
    *,
    tokenizer: Any,
    payload: Any,
    labels: Any,
    attention_mask: Any = None,
    suffix_tokens: str | Sequence[str] | None = None,
) -> Any:
    """Types of one sample's `labels` [n]: DESC 1, COORD 2, FORMAT 3, IGNORE -1 where a label is -100 or
    `attention_mask` [n] is 0. int64: a Torch tensor where Torch is installed, else NumPy. None if what the other labels
    decode to is not the payload as JSON followed by `suffix_tokens`, or cut short.

    tokenizer: whatever Vocabulary.from_tokenizer takes, or a TokenTyper; read once and remembered as long as it lives.
    Keys are the reference's (desc; bbox_2d, poly), or the typer's own. Raises ValueError for labels of other than one
    dimension.
    """
    ids = integers(labels, "compute_token_types", "labels")
    if ids.ndim != 1:
        raise ValueError(f"[compute_token_types] labels must be 1D for a single sample, got shape {ids.shape}")
    if attention_mask is not None:
        mask = to_host(attention_mask, "compute_token_types", "attention_mask")
        if mask.shape != ids.shape:
            raise ValueError(f"[compute_token_types] expected attention_mask {ids.shape}, got {mask.shape}")
        ids = np.where(mask == 0, IGNORE_INDEX, ids)
    keys = getattr(tokenizer, "payload_keys", REFERENCE_KEYS)
    types, skipped = align_payload(_vocabularies.get(tokenizer), payload, ids, suffix_tokens, keys)
    if skipped is not None and skipped.code == "unknown-token" and _vocabularies.refresh(tokenizer):
        types, _ = align_payload(_vocabularies.get(tokenizer), payload, ids, suffix_tokens, keys)
    return None if types is None else _int64(types)


class _Vocabularies:
    """The vocabularies of tokenizers that are alive, and of the last one that cannot be referred to weakly."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[Any, _Read] = weakref.WeakKeyDictionary()
        self._last: tuple[Any, _Read] | None = None

    def get(self, tokenizer: Any) -> Vocabulary:
        vocabulary = getattr(tokenizer, "vocabulary", tokenizer)
        if isinstance(vocabulary, Vocabulary):
            return vocabulary
        known = self._find(tokenizer)
        return (known or self._read(tokenizer)).vocabulary

    def refresh(self, tokenizer: Any) -> bool:
        """Reads a tokenizer anew if tokens were added to it since; False if none were."""
        known = self._find(tokenizer)
        if known is None or known.size == _size(tokenizer):
            return False
        self._read(tokenizer)
        return True

    def _find(self, tokenizer: Any) -> _Read | None:
        if self._last is not None and self._last[0] is tokenizer:
            return self._last[1]
        try:
            return self._known.get(tokenizer)
        except TypeError:
            return None

    def _read(self, tokenizer: Any) -> _Read:
        read = _Read(Vocabulary.from_tokenizer(tokenizer), _size(tokenizer))
        try:
            self._known[tokenizer] = read
        except TypeError:
            self._last = (tokenizer, read)
        return read


@dataclass(frozen=True)
class _Read:
    vocabulary: Vocabulary
    size: int | None  # what the tokenizer called its size then


def _size(tokenizer: Any) -> int | None:
    if hasattr(tokenizer, "get_vocab_size"):
        return int(tokenizer.get_vocab_size())
    return len(tokenizer) if hasattr(tokenizer, "__len__") else None


_vocabularies = _Vocabularies()


@cache
def _torch() -> Any:
    return importlib.import_module("torch") if importlib.util.find_spec("torch") is not None else None


def _int64(types: NDArray[np.int8]) -> Any:
    wide = types.astype(np.int64)
    return wide if _torch() is None else _torch().from_numpy(wide)
