"""Texts to token ids, by a `tokenizer.json` that the `tokenizers` package reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typetally.text.vocabulary import Vocabulary


class TextEncoder:
    """The tokenizer of a file or folder, for texts, with its vocabulary. Raises ValueError for a path that holds none,
    and where `tokenizers` is not installed."""

    def __init__(self, path: Path) -> None:
        file = path / "tokenizer.json" if path.is_dir() else path
        if not file.is_file():
            raise ValueError(f"[tokenizer] expected a tokenizer.json or a folder that holds one, got {path}")
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ValueError(f"[tokenizer] expected `pip install tokenizers`, which encodes texts: {error}") from None
        self.vocabulary = Vocabulary.from_file(file)
        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, as they stand in a conversation: without what the tokenizer would put around it."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]
