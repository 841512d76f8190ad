"""Whether packed documents see each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typetally.isolation.report import IsolationReport

if TYPE_CHECKING:
    from torch import nn


def check_isolation(model: nn.Module, batch: Mapping[str, Any]) -> IsolationReport:
    """Compares each document's logits in `batch` with those of the document alone, and where they differ, finds out
    which document sees which by changing one document's tokens at a time.

    batch: the model's inputs as training passes them: input_ids [B, T] and what belongs to it; pictures by
    image_grid_thw. Runs 1 + documents forwards without gradients or dropout, and as many again where documents leak.
    Differences up to 1e-4 of the largest logit are rounding (1e-6 in float64, 5e-2 in half precision and autocast).
    Raises ValueError where the batch cannot be cut into its documents, where the model returns no logits, and for
    sharded parameters: check the model before it is wrapped.
    """
    from typetally.isolation.compare import compare

    return compare(model, batch)
