"""Whether packed documents see each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Document:
    """Positions [begin, end) of one row."""

    row: int
    begin: int
    end: int


@dataclass(frozen=True)
class IsolationReport:
    """What check_isolation found. `bool(report)` is `isolated`; `str(report)` says it in words."""

    isolated: bool
    documents: tuple[Document, ...]
    differences: npt.NDArray[np.float64]  # [documents]: largest |logit - logit of the document alone|
    sees: npt.NDArray[np.float64]  # [documents, documents]: how far i's logits move when j's tokens change; i != j
    tolerance: float  # differences up to this are rounding
    advice: tuple[str, ...]  # what to change, where a setting is known to leak

    def __bool__(self) -> bool:
        return self.isolated

    def __str__(self) -> str:
        worst = float(self.differences.max(initial=0.0))
        if self.isolated:
            return f"{len(self.documents)} documents are isolated: their logits differ by {worst:.1e} at most"
        pairs = [f"{i} sees {j} (by {self.sees[i, j]:.2g})" for i, j in np.argwhere(self.sees > self.tolerance)]
        lines = [f"documents see each other: their logits differ by up to {worst:.2g}", *pairs, *self.advice]
        return "; ".join(lines)


def check_isolation(model: nn.Module, batch: Mapping[str, Any]) -> IsolationReport:
    """Compares each document's logits in `batch` with those of the document alone, and where they differ, finds out
    which document sees which by changing one document's tokens at a time.

    batch: the model's inputs as training passes them: input_ids [B, T] and what belongs to it; pictures by
    image_grid_thw. Runs 1 + documents forwards without gradients or dropout, and as many again where documents leak.
    Differences up to 1e-4 of the largest logit are rounding (1e-6 in float64, 5e-2 in half precision and autocast).
    Raises ValueError where the batch cannot be cut into its documents, where the model returns no logits, and for
    sharded parameters: check the model before it is wrapped.
    """
    from typetally._isolation import compare

    return compare(model, batch)
