"""Boundaries from what batches of other packers carry."""

from typing import Any

import numpy as np
import pytest
import torch

import typetally as tt

ROW = {"labels": [[1, 2, 3, 4, 5, 6, 7]]}


@pytest.mark.parametrize(
    "source",
    [
        {"cu_seq_lens_q": torch.tensor([0, 3, 7], dtype=torch.int32), "max_length_q": 4},
        {"cu_seqlens": np.array([0, 3, 7], np.int32)},
        {"seq_lengths": [[3, 4]]},
        {"seq_lengths": [3, 4]},
        {"position_ids": torch.tensor([[0, 1, 2, 0, 1, 2, 3]])},
        {"position_ids": torch.tensor([[[0, 1, 2, 0, 1, 2, 3]]] * 4), "attention_mask": torch.ones(1, 7)},
        {"text_position_ids": [[0, 1, 2, 0, 1, 2, 3]], "position_ids": np.zeros((3, 1, 7), np.int64)},
        {"attention_mask": [[1, 1, 1, 2, 2, 2, 2]]},
        {"attention_mask": torch.tensor([0, 3, 7], dtype=torch.int32)},
        {"position_ids": [[0, 1, 2, 0, 1, 2, 3]], "attention_mask": torch.ones(1, 7, dtype=torch.bool)},
    ],
)
def test_each_source_is_read(source: dict[str, Any]) -> None:
    boundaries = tt.document_boundaries({**ROW, **source})
    assert boundaries.dtype == np.int32
    assert boundaries.tolist() == [0, 3, 7]


@pytest.mark.parametrize("source", [{}, {"attention_mask": torch.ones(1, 1, 7, 7)}, {"attention_mask": {"full": None}}])
def test_without_a_source_each_row_is_a_document(source: dict[str, Any]) -> None:
    assert tt.document_boundaries({**ROW, **source}).tolist() == [0, 7]


def test_lists_of_lengths_per_row_may_differ() -> None:
    batch = {"input_ids": np.zeros((2, 4)), "seq_lengths": [[3, 1], [4]]}
    assert tt.document_boundaries(batch).tolist() == [0, 3, 4, 8]


def test_disagreement_shows_both() -> None:
    batch = {**ROW, "cu_seqlens": [0, 3, 7], "position_ids": [[0, 1, 2, 3, 0, 1, 2]]}
    with pytest.raises(ValueError, match=r"cu_seqlens = \[0, 3, 7\] and position_ids = \[0, 4, 7\]"):
        tt.document_boundaries(batch)


def test_a_batch_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a batch with labels or"):
        tt.document_boundaries({"cu_seqlens": [0, 3]})
