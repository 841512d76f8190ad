"""One micro-batch on its way through a trainer's step."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch

from typetally.notes import NOTES_KEY, BatchNotes


@dataclass
class MicroBatch:
    """What is known of the inputs before the model, or a custom loss, takes some of them away."""

    inputs: Mapping[str, Any]  # for boundaries, where there are no notes
    labels: torch.Tensor | None = None  # [B, T]; position t is what row t - 1 predicts
    shift_labels: torch.Tensor | None = None  # [B, T]; position t is what row t predicts
    types: torch.Tensor | None = None  # shaped like labels
    notes: BatchNotes | None = None
    tallied: bool = False

    @classmethod
    def take(cls, inputs: MutableMapping[str, Any]) -> MicroBatch:
        """Takes what is ours out of `inputs` and remembers the labels."""
        types = inputs.pop("token_types", None)
        notes = inputs.pop(NOTES_KEY, None)
        return cls(inputs, inputs.get("labels"), inputs.get("shift_labels"), types, notes)
