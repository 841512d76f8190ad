"""What `attach` returns: everything that was put on one trainer."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import nn

from typetally.collator.notes import Coverage
from typetally.collator.sample_types import Route, SampleTyper
from typetally.isolation.leaks import LeakWatch
from typetally.model.unwrap import unwrap
from typetally.trainer.columns import PAYLOAD_KEY, Columns
from typetally.trainer.context_parallel import deals
from typetally.trainer.first_batch import FirstBatchCheck
from typetally.trainer.hooks import ForwardHooks
from typetally.trainer.loaders import dispatches
from typetally.trainer.micro_batch import MicroBatch
from typetally.trainer.ms_swift import coming_keys
from typetally.trainer.recorder import Recorder
from typetally.trainer.window import add_to_line
from typetally.trainer.wraps import Wraps

if TYPE_CHECKING:
    from typetally.base.config import TokenTypeMetricsConfig
    from typetally.typing.typer import TokenTyper

logger = logging.getLogger(__name__)

ATTRIBUTE = "_typetally_handle"
_DEALS_OUT = "_prepare_context_parallel_inputs"  # of Transformers' Trainer


class Handle:
    """Metrics by token type in one trainer's log, until `detach`."""

    def __init__(
        self,
        trainer: Any,
        typer: TokenTyper,
        config: TokenTypeMetricsConfig,
        route: Route = "text",
        check_first_batch: bool = False,
    ) -> None:
        self._trainer = trainer
        module = unwrap(trainer.model)
        leaks = LeakWatch(module)
        self._first_batch = FirstBatchCheck(module, leaks) if check_first_batch else None
        self._recorder = Recorder(trainer, config, SampleTyper(typer, config, route, PAYLOAD_KEY, ""), leaks)
        setattr(trainer, ATTRIBUTE, self)
        self._undo: list[Callable[[], None]] = [lambda: delattr(trainer, ATTRIBUTE)]
        if config.enabled:
            self._install(module, typer, config, route)

    def _install(self, module: nn.Module, typer: TokenTyper, config: TokenTypeMetricsConfig, route: Route) -> None:
        self._columns = Columns(self._trainer, typer, config, route, carry_notes=not dispatches(self._trainer))
        self._hooks = ForwardHooks(module, self._recorder)
        wraps = Wraps(self._trainer)
        wraps.wrap("compute_loss", self._compute_loss)
        wraps.wrap("evaluation_loop", self._evaluation_loop)
        wraps.wrap("log", self._log)
        if hasattr(self._trainer, _DEALS_OUT):
            wraps.wrap(_DEALS_OUT, self._deal_out)
        self._undo += [self._columns.remove, self._hooks.remove, wraps.remove]

    def detach(self) -> None:
        """Takes everything off the trainer and its model. A second call does nothing."""
        while self._undo:
            self._undo.pop()()

    def coverage(self, mode: str = "train") -> Coverage:
        """Samples seen, typed, and skipped by reason, since this run of train() began ("train") or since attach
        ("eval"); over all ranks, up to the last log line."""
        if mode not in self._recorder.covered:
            raise ValueError(f"[coverage] expected mode 'train' or 'eval', got {mode!r}")
        return copy.deepcopy(self._recorder.covered[mode])

    @property
    def typed_in_hook(self) -> int:
        """Micro-batches of this rank that no collator of ours had seen: their labels were copied to the host."""
        return self._recorder.typed_in_hook

    def _compute_loss(self, inner: Any, model: nn.Module, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        self._recorder.restart_with_run()
        inputs = copy.copy(inputs)  # the caller's keeps what we take out
        batch = MicroBatch.take(inputs)
        if self._first_batch is not None and not self._recorder.evaluating:
            self._first_batch.see(batch, inputs)
        outside, self._hooks.batch = self._hooks.batch, batch
        try:
            return inner(model, inputs, *args, **kwargs)
        finally:
            self._hooks.batch = outside

    def _deal_out(self, inner: Any, model: nn.Module, inputs: Any) -> Any:
        deal, inputs = inner(model, inputs)
        if deals(deal):
            self._recorder.deal_out(deal, inputs)
        return deal, inputs

    def _evaluation_loop(self, inner: Any, dataloader: Any, *args: Any, **kwargs: Any) -> Any:
        collator = self._columns.collator
        carried, collator.carry_notes = collator.carry_notes, not dispatches(self._trainer, dataloader)
        self._recorder.begin_evaluation()
        try:
            output = inner(dataloader, *args, **kwargs)
            prefix = kwargs.get("metric_key_prefix", args[3] if len(args) > 3 else "eval")
            add_to_line(output.metrics, self._recorder.close_window(), f"{prefix}_", coming_keys(self._trainer))
            return output
        finally:
            self._recorder.end_evaluation()
            collator.carry_notes = carried

    def _log(self, inner: Any, logs: dict[str, float], *args: Any, **kwargs: Any) -> Any:
        ended = "train_runtime" in logs
        if ("loss" in logs or ended) and not self._recorder.evaluating:
            prefix = "train_" if ended else ""
            add_to_line(logs, self._recorder.close_window(), prefix, coming_keys(self._trainer))
            if ended:
                self._recorder.end_run()
                if self._trainer.is_world_process_zero():
                    _say(self._recorder.covered["train"])
        return inner(logs, *args, **kwargs)


def _say(coverage: Coverage) -> None:
    """The coverage line at the end of training; louder where samples were lost that nobody meant to leave out."""
    lost = coverage.skipped_samples - coverage.skipped.get("excluded", 0)
    logger.log(logging.WARNING if lost else logging.INFO, "[token types] %s", coverage)
