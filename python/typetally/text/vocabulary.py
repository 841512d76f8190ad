"""Token ids to bytes, from whatever holds a vocabulary."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from typetally import _core
from typetally.base.tensors import integers

_HOLDERS = ("tokenizer", "backend_tokenizer", "_tokenizer", "model")
"""Where a processor keeps its tokenizer, Transformers its fast one, and wrappers of tiktoken its encoding."""


class Vocabulary:
    """What each token id decodes to, as bytes. Immutable and picklable; made by one of the `from_` methods.

    Bytes are what the tokenizer itself decodes an id to, before invalid UTF-8 is replaced and before anything is
    stripped at the start of a text. `len(vocab)` is one past the largest id; ids may have holes (`id in vocab`).
    """

    __slots__ = ("__weakref__", "_core")

    def __init__(self, core: _core.Vocabulary) -> None:
        self._core = core

    @classmethod
    def from_tokenizer(cls, tokenizer: Any) -> Vocabulary:
        """From a `tokenizers.Tokenizer`, a Transformers fast tokenizer, a processor that holds one, a
        `tiktoken.Encoding`, a path (see from_file), or a Vocabulary. Raises TypeError for anything else, ValueError for
        a tokenizer whose kind is not supported."""
        if isinstance(tokenizer, Vocabulary):
            return tokenizer
        if isinstance(tokenizer, str | os.PathLike):
            return cls.from_file(tokenizer)
        found = _find_tokenizer(tokenizer)
        if found is None:
            raise TypeError(
                "[Vocabulary.from_tokenizer] expected a tokenizers.Tokenizer, a fast tokenizer of transformers, "
                f"a processor or a tiktoken.Encoding, got {type(tokenizer).__name__}"
            )
        if hasattr(found, "decode_single_token_bytes"):
            return cls(_from_encoding(found))
        return cls(_core.Vocabulary.from_tokenizer_json(found.to_str(), "tokenizer"))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], special_tokens: Mapping[str, int] | None = None) -> Vocabulary:
        """From a `tokenizer.json`, a folder that holds one, or a `.tiktoken` rank file with `special_tokens`
        (text to id). Raises ValueError that names file, byte and reason."""
        special = dict(special_tokens or {})
        if not all(isinstance(text, str) and isinstance(id, int) for text, id in special.items()):
            raise TypeError("[Vocabulary.from_file] expected special_tokens as text to id, got other keys or values")
        return cls(_core.Vocabulary.from_file(os.fspath(path), special))

    def __len__(self) -> int:
        return self._core.size()

    def __contains__(self, id: object) -> bool:
        return isinstance(id, int | np.integer) and self._core.contains(int(id))

    def token_bytes(self, id: int) -> bytes:
        """The bytes of one token. Raises ValueError for an id without one."""
        if id not in self:
            raise ValueError(f"[Vocabulary.token_bytes] expected an id of the vocabulary, got {id!r}")
        return self._core.token_bytes(int(id))

    def decode(self, ids: Any) -> bytes:
        """The bytes of `ids` [n] (a list or an integer tensor), special tokens included. Raises ValueError that names
        an unknown id and its position."""
        return self._core.decode(integers(ids, "Vocabulary.decode", "ids").reshape(-1))

    def is_special(self, id: int) -> bool:
        """Whether the tokenizer calls the token special; False for an id without a token."""
        return self._core.is_special(int(id))

    @property
    def normalization(self) -> str:
        """The Unicode form that the tokenizer gives its input: "NFC", "NFD", "NFKC", "NFKD", or "" for none."""
        return self._core.normalization

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, self._core.state()

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} ids)"


def _restore(tokens: list[bytes | None], special: bytes, normalization: str, prepends_space: bool) -> Vocabulary:
    return Vocabulary(_core.Vocabulary.from_tokens(tokens, special, normalization, prepends_space))


def _find_tokenizer(value: Any) -> Any:
    """What serialises itself (`to_str`) or tells the bytes of its tokens, at most three holders deep."""
    for _ in range(4):
        if hasattr(value, "decode_single_token_bytes") or callable(getattr(value, "to_str", None)):
            return value
        value = next((held for name in _HOLDERS if (held := getattr(value, name, None)) is not None), None)
    return None


def _from_encoding(encoding: Any) -> _core.Vocabulary:
    tokens: list[bytes | None] = []
    for id in range(encoding.n_vocab):
        try:
            tokens.append(encoding.decode_single_token_bytes(id))
        except KeyError:
            tokens.append(None)
    special = bytearray(len(tokens))
    for text in encoding.special_tokens_set:
        special[encoding.encode_single_token(text)] = 1
    return _core.Vocabulary.from_tokens(tokens, bytes(special))
