"""The payload route against what the reference implementation recorded, sample by sample."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer

import typetally as tt


@pytest.fixture(scope="module")
def tokenizer(shared_data: Path) -> Tokenizer:
    """Qwen3's with the coordinate tokens that the recorded ids assume."""
    tokenizer = Tokenizer.from_file(str(shared_data / "tokenizers/qwen3/tokenizer.json"))
    names = ["<|coord_*|>", *(f"<|coord_{k}|>" for k in range(1000))]
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names])
    assert tokenizer.token_to_id("<|coord_0|>") == 151670
    return tokenizer


def read_rows(shared_data: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(shared_data / "reference_types.jsonl.xz", "rt", encoding="ascii") as lines:
        yield from map(json.loads, lines)


def test_types_are_the_references_in_every_row(shared_data: Path, tokenizer: Tokenizer) -> None:
    vocabulary = tt.Vocabulary.from_tokenizer(tokenizer)
    wrong, refused = [], 0
    for row in read_rows(shared_data):
        if np.ndim(row["labels"]) != 1:
            with pytest.raises(ValueError, match="labels must be 1D for a single sample"):
                tt.compute_token_types(tokenizer=vocabulary, payload={}, labels=row["labels"])
            continue
        types = tt.compute_token_types(
            tokenizer=vocabulary, payload=json.loads(row["payload"]), labels=row["labels"], suffix_tokens=row["suffix"]
        )
        refused += types is None
        if (None if types is None else types.tolist()) != row["types"]:
            wrong.append(row["name"])
    assert wrong == []
    assert refused > 0


@pytest.mark.parametrize("keys", [{}, {"desc_keys": ["desc"], "coord_keys": ["bbox_2d", "poly"]}])
@pytest.mark.parametrize("grammar", ["auto", "json"])
def test_labels_alone_tell_the_same_on_lvis(
    shared_data: Path, tokenizer: Tokenizer, grammar: str, keys: dict[str, list[str]]
) -> None:
    typer = tt.TokenTyper(tokenizer, grammar=grammar, **keys)
    rows = [row for row in read_rows(shared_data) if row["name"].startswith("lvis/")]
    assert len(rows) == 336
    assert [row["name"] for row in rows if typer.type_labels(row["labels"]).tolist() != row["types"]] == []
