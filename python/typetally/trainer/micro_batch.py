"""One micro-batch on its way through a trainer's step."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch

from typetally.base.tensors import like
from typetally.collator.notes import NOTES_KEY, BatchNotes
from typetally.tally.targets import whole_labels
from typetally.trainer.context_parallel import LABELS_KEY, TYPES_KEY


@dataclass
class MicroBatch:
    """What is known of the inputs before the model, or a custom loss, takes some of them away."""

    inputs: Mapping[str, Any]  # for boundaries, where there are no notes
    labels: torch.Tensor | None = None  # [B, T]; position t is what row t - 1 predicts
    shift_labels: torch.Tensor | None = None  # [B, T]; position t is what row t predicts
    types: torch.Tensor | None = None  # shaped like labels
    notes: BatchNotes | None = None
    share: tuple[torch.Tensor, torch.Tensor] | None = None  # this context-parallel rank's labels and types, shifted
    tallied: bool = False
    restored: bool = False  # `labels` are no longer those that the model is given

    @classmethod
    def take(cls, inputs: MutableMapping[str, Any]) -> MicroBatch:
        """Takes what is ours out of `inputs` and remembers the labels."""
        types = inputs.pop("token_types", None)
        notes = inputs.pop(NOTES_KEY, None)
        batch = cls(inputs, inputs.get("labels"), inputs.get("shift_labels"), types, notes)
        if LABELS_KEY in inputs:
            batch.share = inputs.pop(LABELS_KEY), inputs.pop(TYPES_KEY)
        return batch

    def restore_labels(self, logits_to_keep: int | torch.Tensor | None) -> None:
        """Spreads labels that the trainer cut down to the logits it keeps (ms-swift) over all positions again: cut down
        they glue one answer to the next, and no boundary fits them."""
        columns = self._columns()
        if logits_to_keep is None or self.labels is None or columns in (None, self.labels.shape[-1]):
            return
        self.labels = like(self.labels, whole_labels(self.labels, logits_to_keep, columns))
        self.inputs = {**self.inputs, "labels": self.labels}
        self.restored = True

    def _columns(self) -> int | None:
        """T, as the inputs beside the labels tell it."""
        if self.types is not None:
            return int(self.types.shape[-1])
        if self.notes is not None and self.notes.types is not None:
            return int(self.notes.types.shape[-1])
        ids = self.inputs.get("input_ids")
        return int(ids.shape[-1]) if torch.is_tensor(ids) else None
