"""Says once that a data set filter matches nothing, and what to set instead."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from typetally.collator.notes import BatchNotes

if TYPE_CHECKING:
    from typetally.base.config import TokenTypeMetricsConfig

logger = logging.getLogger(__name__)

# Batches to see before it is clear that the filter, and not the order of the samples, leaves everything out.
FIRST_BATCHES = 10


class FilterWatch:
    """Watches the first batches of a run, or all of them where there are fewer."""

    def __init__(self, config: TokenTypeMetricsConfig) -> None:
        self._config = config
        self._batches = 0
        self._labels: Counter[str] = Counter()
        self._done = False

    def see(self, notes: BatchNotes) -> None:
        if self._done or not notes.samples:
            return
        if any(sample.reason != "excluded" for sample in notes.samples):
            self._done = True
            return
        self._batches += 1
        self._labels.update(sample.dataset_label for sample in notes.samples)
        if self._batches == FIRST_BATCHES:
            self.end()

    def end(self) -> None:
        """No batch follows: warns where none of those seen had a sample that counts."""
        if self._batches and not self._done:
            self._warn()
        self._done = True

    def _warn(self) -> None:
        seen = ", ".join(f"{label!r} ({count} samples)" for label, count in self._labels.most_common(10))
        logger.warning(
            "[token types] no sample of the first %d batches is in include=%s without exclude=%s. Labels seen: %s. "
            'Set include to the labels that count, or to ("*",) for all; a sample\'s label is its metadata.dataset, '
            "dataset or dataset_name.",
            self._batches,
            list(self._config.include),
            list(self._config.exclude),
            seen,
        )
