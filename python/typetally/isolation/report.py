"""What check_isolation finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
