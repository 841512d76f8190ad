"""Which data set items of an evaluation batch are repeats that only even out the ranks."""

from __future__ import annotations

from typing import Any

import torch

from typetally.base.token_type import IGNORE_INDEX
from typetally.collator.notes import BatchNotes


def real_items(accelerator: Any, here: int) -> int | None:
    """How many leading items of this rank's current batch, which has `here`, are the data set's own; None: all of them.

    The last round of batches, over all ranks in order, holds `remainder` real items (0: all are), then repeats. It is
    not known for streams without a length that each rank reads itself (`dispatch_batches=False`): their repeats count.
    """
    state = accelerator.gradient_state
    if not state.in_dataloader or not state.end_of_dataloader or state.remainder <= 0:
        return None
    # A loader that hands out a stream's batches has no such size: it makes all ranks' last batches equally large.
    total = getattr(state.active_dataloader, "total_batch_size", here * accelerator.num_processes)
    per_rank = total // accelerator.num_processes
    return int(min(per_rank, max(0, state.remainder - accelerator.process_index * per_rank)))


def without_repeats(labels: torch.Tensor, notes: BatchNotes, items: int) -> torch.Tensor:
    """`labels` [B, T] with everything after the first `items` data set items ignored. Without notes a row counts as an
    item, which holds for padded batches."""
    ends = notes.item_ends or [(row + 1) * labels.shape[-1] for row in range(labels.numel() // labels.shape[-1])]
    if items >= len(ends):
        return labels
    kept = labels.clone(memory_format=torch.contiguous_format)
    kept.view(-1)[ends[items - 1] if items else 0 :] = IGNORE_INDEX
    return kept
