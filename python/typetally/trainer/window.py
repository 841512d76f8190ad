"""What is accumulated between two log lines."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from typetally.collator.notes import COVERAGE_SIZE, Coverage
from typetally.tally.meter import TokenTypeMeter
from typetally.tally.torch_route import to_device
from typetally.trainer.distributed import sum_over_ranks

if TYPE_CHECKING:
    from typetally.base.config import TokenTypeMetricsConfig


class Window:
    """The sums of some micro-batches and what became of their samples, on this rank."""

    def __init__(self, config: TokenTypeMetricsConfig, on_failure: Callable[[], None]) -> None:
        """on_failure is called in an `except` block."""
        self._config = config
        self._on_failure = on_failure
        self.meter = TokenTypeMeter(config)
        self.coverage = Coverage()

    def count_samples(self, coverage: Coverage) -> None:
        self.coverage.add(coverage)
        self.meter.add_skipped(coverage.skipped_samples)

    def close(self, accelerator: Any) -> tuple[dict[str, float], Coverage]:
        """The metrics and the coverage over all ranks. Every rank has to call this; it is one reduction of one flat
        vector, whose length depends on nothing that a rank has seen."""
        total = sum_over_ranks(self._flat(), accelerator)
        metrics = TokenTypeMeter.from_flat(total[:-COVERAGE_SIZE].numpy(), self._config).compute()
        return metrics, Coverage.from_flat(np.asarray(total[-COVERAGE_SIZE:]))

    def _flat(self) -> torch.Tensor:
        """Whatever fails here fails on this rank alone, while the others already wait in the reduction: it takes part
        all the same, with a window that holds nothing but an error."""
        try:
            sums = torch.as_tensor(self.meter.flat(), dtype=torch.float64)
            return torch.cat([sums, to_device(self.coverage.to_flat(), sums.device)])
        except Exception:
            self._on_failure()
            failed = TokenTypeMeter(self._config)
            failed.add_error()
            return torch.cat([torch.as_tensor(failed.flat()), torch.zeros(COVERAGE_SIZE, dtype=torch.float64)])


def add_to_line(
    line: dict[str, Any], metrics: dict[str, float], prefix: str, coming: Container[str] = frozenset()
) -> None:
    """Adds metrics to a trainer's log line. A key that is there, or is still `coming`, stays the trainer's: ours is
    then `token_loss` for `loss` and `typetally_<key>` for others."""
    for key, value in metrics.items():
        name = prefix + key
        if name in line or name in coming:
            name = prefix + ("token_loss" if key == "loss" else f"typetally_{key}")
        line[name] = value
