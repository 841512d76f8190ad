"""The payload route: labels against the answer as an object (design section 3)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typetally import _core
from typetally.text.payload import REFERENCE_KEYS
from typetally.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Skipped:
    """Why a document was left untyped. `code` is one of few ("misaligned", "invalid-payload", "unknown-token"), to
    count by; `position` is that of the label that did not fit, -1 where none is to blame."""

    code: str
    position: int
    detail: str

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


def align_payload(
    vocabulary: Vocabulary,
    payload: Any,
    labels: NDArray[np.int64],
    suffix: str | Sequence[str] | None,
    keys: tuple[Sequence[str], Sequence[str]] = REFERENCE_KEYS,
) -> tuple[NDArray[np.int8] | None, Skipped | None]:
    """Types int8 [n] of one document's `labels` [n], or why there are none."""
    text = join_suffix(suffix)
    types, error = _core.align_payload(
        vocabulary._core,
        payload,
        text.encode("utf-8", "surrogatepass"),
        labels,
        list(keys[0]),
        list(keys[1]),
        unicodedata.normalize,
    )
    return types, None if error is None else Skipped(*error)


def join_suffix(suffix: str | Sequence[str] | None) -> str:
    """The template's text after an answer. Raises TypeError unless it is a string, a sequence of strings or None."""
    if suffix is None or isinstance(suffix, str):
        return suffix or ""
    if isinstance(suffix, bytes) or not isinstance(suffix, Sequence) or not all(isinstance(s, str) for s in suffix):
        raise TypeError(f"[payload route] expected suffix as a string, strings or None, got {suffix!r}")
    return "".join(suffix)
