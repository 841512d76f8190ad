"""An answer as an object, and the text that the reference's template makes of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from typetally import _core

REFERENCE_KEYS = (("desc",), ("bbox_2d", "poly"))
"""Desc and coord keys of the reference, the default of the payload route."""


def serialize_payload(payload: Any, keys: tuple[Sequence[str], Sequence[str]] = REFERENCE_KEYS) -> str:
    """An answer as the payload route expects it: `json.dumps(payload, ensure_ascii=False)`, coordinate tokens bare.
    Raises ValueError that says which value is none of JSON's."""
    text, _, error = _core.serialize_payload(payload, list(keys[0]), list(keys[1]), unicodedata.normalize, "")
    if error is not None:
        code, _, detail = error
        raise ValueError(f"{code}: {detail}")
    return bytes(text).decode("utf-8", "surrogatepass")
