"""Turns micro-batches into sums: finds labels, types and boundaries, and fills the innermost open window."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from typetally.base.tensors import integers, like
from typetally.base.token_type import IGNORE, IGNORE_INDEX
from typetally.batch.boundaries import document_boundaries
from typetally.collator.batch_route import is_packed, supervised_spans, type_batch
from typetally.collator.filter_watch import FilterWatch
from typetally.collator.notes import NOTES_KEY, BatchNotes, Coverage
from typetally.collator.sample_types import SampleTyper
from typetally.isolation.leaks import LeakWatch
from typetally.model.outputs import Forward, Labels, read_forward, tally_outputs
from typetally.tally.torch_route import to_device
from typetally.trainer.context_parallel import counts_samples, deal_out, shift
from typetally.trainer.micro_batch import MicroBatch
from typetally.trainer.repeats import real_items, without_repeats
from typetally.trainer.window import Window

if TYPE_CHECKING:
    from typetally.base.config import TokenTypeMetricsConfig

logger = logging.getLogger(__name__)


class Recorder:
    """The open windows of one trainer on this rank: training, and evaluations nested inside it."""

    def __init__(self, trainer: Any, config: TokenTypeMetricsConfig, samples: SampleTyper, leaks: LeakWatch) -> None:
        self._trainer = trainer
        self._config = config
        self._samples = samples
        self._leaks = leaks
        self._watch = FilterWatch(config)
        self._run: Any = None  # the trainer's state object, a new one for each call of train()
        self._failed_before = False
        self._train = self._open()
        self._evaluations: list[Window] = []
        self.covered = {"train": Coverage(), "eval": Coverage()}
        self.typed_in_hook = 0  # micro-batches whose labels had to be copied to the host

    @property
    def evaluating(self) -> bool:
        return bool(self._evaluations)

    def begin_evaluation(self) -> None:
        self._evaluations.append(self._open())

    def end_evaluation(self) -> None:
        self._evaluations.pop()

    def restart_with_run(self) -> None:
        """What a run that ended early left in its window belongs to none of the next run's lines."""
        if self._trainer.state is not self._run and not self._evaluations:
            self._run = self._trainer.state
            self._train = self._open()
            self.covered["train"] = Coverage()

    def end_run(self) -> None:
        """train() is about to return."""
        self._watch.end()

    def close_window(self) -> dict[str, float]:
        """The metrics, over all ranks, of the innermost open window; a training window starts anew."""
        mode, window = ("eval", self._evaluations[-1]) if self._evaluations else ("train", self._train)
        if mode == "train":
            self._train = self._open()
        try:
            metrics, coverage = window.close(self._trainer.accelerator)
        except Exception:
            self.log_failure("a reduction over ranks failed, this line has no metrics")
            return {}
        self.covered[mode].add(coverage)
        return metrics

    def _open(self) -> Window:
        return Window(self._config, self.log_failure)

    def log_failure(self, what: str = "a micro-batch could not be tallied") -> None:
        """Call in an `except` block. Logs the trace of the first failure; later ones are only counted."""
        level = logging.DEBUG if self._failed_before else logging.ERROR
        self._failed_before = True
        logger.log(level, "[attach] %s; training goes on", what, exc_info=True)

    def expects_forward(self, module: nn.Module) -> bool:
        """Outside compute_loss a forward counts where the trainer trains or evaluates, not in someone's callback."""
        return module.training or self.evaluating

    def record(self, batch: MicroBatch, forward: Forward) -> bool:
        """Tallies one micro-batch. Returns whether there was anything to tally. Never raises."""
        window = self._evaluations[-1] if self._evaluations else self._train
        try:
            return self._record(window, batch, forward)
        except Exception:
            window.meter.add_error()
            self.log_failure()
            return True

    def _record(self, window: Window, batch: MicroBatch, forward: Forward) -> bool:
        kwargs = forward.inputs
        if _first(*_labels(batch, kwargs)) is None:
            return False
        cuda: Any = torch.cuda  # Torch leaves is_initialized untyped
        if cuda.is_initialized() and cuda.is_current_stream_capturing():
            raise RuntimeError(
                "[attach] expected a forward that runs at each step, got one that a CUDA graph captures, whose replays "
                "call no hooks; capture what is inside the model, or compile it with mode='reduce-overhead'"
            )
        # First of all, since a sharded output embedding is gathered here: every rank has to come by.
        read = read_forward(forward)
        batch.restore_labels(kwargs.get("logits_to_keep"))
        here = len(batch.notes.items) if batch.notes else len(_first(*_labels(batch, kwargs)))
        items = real_items(self._trainer.accelerator, here) if self._evaluations else None
        if items == 0:
            return True
        notes = batch.notes or _notes_of(batch.inputs)
        if not self._evaluations:
            self._watch.see(notes)
        if notes.problem is not None:
            logger.debug("[attach] a micro-batch is left out: %s", notes.problem)
            window.meter.add_error()
            window.count_samples(notes.coverage(items))
            return True
        labels, types, shifted = self._scored(batch, kwargs, notes)
        if batch.share is None or counts_samples(self._trainer.accelerator):
            window.count_samples(notes.coverage(items))
        if items is not None:
            labels = without_repeats(labels, notes if batch.share is None else BatchNotes(), items)
        target = Labels(labels, types, None if shifted else notes.cu_seqlens, shifted, notes.supervised)
        tally_outputs(window.meter, read, target, kwargs.get("logits_to_keep"))
        self._leaks.see(kwargs, notes.packed)
        return True

    def deal_out(self, deal: Any, inputs: MutableMapping[str, Any]) -> None:
        """Before a batch is cut for context-parallel ranks: what is known of whole rows alone. Never raises."""
        try:
            batch = MicroBatch.take(inputs)
            notes = batch.notes = batch.notes or _notes_of(inputs)
            inputs[NOTES_KEY] = notes
            if batch.labels is None or notes.problem is not None:
                return
            types = self._types(batch, batch.labels, notes)
            labels = _within_documents(shift(batch.labels, IGNORE_INDEX), notes)
            deal_out(deal, inputs, labels, shift(types, IGNORE))
        except Exception:
            self.log_failure()

    def _scored(
        self, batch: MicroBatch, kwargs: dict[str, Any], notes: BatchNotes
    ) -> tuple[torch.Tensor, torch.Tensor, bool]:
        """The labels that the logits are scored against, their types, and whether both are shifted already."""
        if batch.share is not None:
            return *batch.share, True
        plain: Any = batch.labels if batch.restored else _first(kwargs.get("labels"), batch.labels)
        shifted = _first(kwargs.get("shift_labels"), batch.shift_labels)
        if shifted is None:
            return plain, self._types(batch, plain, notes), False
        if plain is None and batch.types is None and notes.types is None:
            return shifted, self._type(shifted, notes), True
        types = self._types(batch, shifted if plain is None else plain, notes)
        return _within_documents(shifted, notes), shift(types, IGNORE), True

    def _types(self, batch: MicroBatch, labels: torch.Tensor, notes: BatchNotes) -> torch.Tensor:
        """The batch's own, those of its notes, moved to the labels, or else those of the labels."""
        if batch.types is None and notes.types is not None:
            batch.types = to_device(notes.types, labels.device)
        return self._type(labels, notes) if batch.types is None else batch.types

    def _type(self, labels: torch.Tensor, notes: BatchNotes) -> torch.Tensor:
        """Types from labels alone, one copy of them to the host. Nothing tells these documents' data sets, so the
        filter takes them for `default`."""
        self.typed_in_hook += 1
        rows = np.atleast_2d(integers(labels, "attach", "labels"))
        bounds = document_boundaries({"labels": rows}) if notes.cu_seqlens is None else notes.cu_seqlens
        spans = supervised_spans(rows.reshape(-1), bounds)
        notes.samples = [self._samples.note({}) for _ in spans]
        notes.items = np.bincount([begin // rows.shape[1] for begin, _ in spans], minlength=len(rows)).tolist()
        notes.packed = is_packed(rows, bounds)
        types, notes.item_ends = type_batch(self._samples, rows, bounds, notes.samples, notes.items)
        typed: torch.Tensor = like(labels, types.reshape(labels.shape))
        return typed


def _notes_of(inputs: Mapping[str, Any]) -> BatchNotes:
    """For batches whose collator was not ours, or whose notes did not survive the way: boundaries from the inputs, on
    the host."""
    notes = BatchNotes()
    try:
        notes.cu_seqlens = document_boundaries(inputs)
    except ValueError as error:
        notes.problem = str(error)
    return notes


def _labels(batch: MicroBatch, kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Wherever they may be, None where they are not."""
    return kwargs.get("labels"), kwargs.get("shift_labels"), batch.labels, batch.shift_labels


def _first(*given: Any) -> Any:
    return next((value for value in given if value is not None), None)


def _within_documents(shifted: torch.Tensor, notes: BatchNotes) -> torch.Tensor:
    """Labels that were shifted across a whole row, without each document's last position, which would be scored against
    the next one's first token."""
    if notes.cu_seqlens is None or notes.cu_seqlens[-1] != shifted.numel():
        return shifted
    kept = shifted.clone(memory_format=torch.contiguous_format)
    kept.view(-1).index_fill_(0, to_device(notes.cu_seqlens[1:].astype(np.int64) - 1, kept.device), IGNORE_INDEX)
    return kept
