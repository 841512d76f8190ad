"""check_isolation on a trainer's own first packed micro-batch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from torch import nn

from typetally.isolation import check_isolation
from typetally.isolation.leaks import LeakWatch
from typetally.trainer.micro_batch import MicroBatch

logger = logging.getLogger(__name__)


class FirstBatchCheck:
    """Compares the documents of one training micro-batch: of the first packed one, or, where no collator of ours says
    which are packed, of the first."""

    def __init__(self, module: nn.Module, leaks: LeakWatch) -> None:
        self._module = module
        self._leaks = leaks
        self._done = False

    def see(self, batch: MicroBatch, inputs: Mapping[str, Any]) -> None:
        """`inputs` as the model is going to get them. Never raises; the model is left as it was."""
        if self._done or (batch.notes is not None and not batch.notes.packed):
            return
        self._done = True
        try:
            report = check_isolation(self._module, inputs)
        except Exception:
            logger.warning("[attach] check_isolation could not run; training goes on", exc_info=True)
            return
        self._leaks.stop()  # it would say again what the report says
        logger.log(logging.INFO if report else logging.WARNING, "[attach] check_isolation: %s", report)
