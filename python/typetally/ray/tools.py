"""The tokenizer and the typer of a worker process, made once for all parts that it works on."""

from __future__ import annotations

import functools
import os
import pickle
from dataclasses import dataclass
from pathlib import Path

from typetally.text.grammar import Grammar
from typetally.text.text_encoder import TextEncoder
from typetally.typing.typer import TokenTyper


@dataclass(frozen=True)
class Tools:
    """What parts of the data are looked at with. It travels pickled: `tokenizer` is a path that every node can read."""

    tokenizer: Path
    grammar: str | Grammar

    @classmethod
    def check(cls, tokenizer: str | os.PathLike[str], grammar: str | Grammar) -> bytes:
        """Pickled, after both were made once here: what is wrong with them is said before any part is sent out."""
        tools = cls(Path(tokenizer).resolve(), grammar)
        tools.make()
        return pickle.dumps(tools)

    def make(self) -> tuple[TextEncoder, TokenTyper]:
        encoder = TextEncoder(self.tokenizer)
        return encoder, TokenTyper(encoder.vocabulary, grammar=self.grammar)


@functools.lru_cache(maxsize=1)
def in_this_worker(pickled: bytes) -> tuple[TextEncoder, TokenTyper]:
    """Call in a worker. A task has one core: a tokenizer with threads of its own would take the others' from them."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tools: Tools = pickle.loads(pickled)
    return tools.make()
