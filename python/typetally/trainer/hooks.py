"""Hooks on the model: they take our entries out of its inputs and tally its outputs."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import nn

from typetally.collator.notes import NOTES_KEY
from typetally.model.head import Backbone
from typetally.model.outputs import Forward
from typetally.trainer.micro_batch import MicroBatch

OURS = ("token_types", NOTES_KEY)


class Recorder(Protocol):
    """Who the hooks report to."""

    def expects_forward(self, module: nn.Module) -> bool:
        """Whether a forward outside compute_loss belongs to a window."""

    def record(self, batch: MicroBatch, forward: Forward) -> bool:
        """Tallies one micro-batch. Returns whether there was anything to tally. Never raises."""


class ForwardHooks:
    """Registered on construction. `batch` is set for the duration of compute_loss, so that one micro-batch is tallied
    once, however many forwards it runs; a forward outside it is a micro-batch of its own."""

    def __init__(self, module: nn.Module, recorder: Recorder) -> None:
        self.batch: MicroBatch | None = None
        self._alone: MicroBatch | None = None
        self._recorder = recorder
        self._backbone = Backbone(module)
        # Compiled models call hooks inside the graph; ours are Python and have to break it.
        disable: Any = torch.compiler.disable
        before, after = disable(self._before), disable(self._after)
        self._handles = [
            module.register_forward_pre_hook(before, with_kwargs=True),
            module.register_forward_hook(after, with_kwargs=True),
        ]

    def remove(self) -> None:
        self._backbone.remove()
        for handle in self._handles:
            handle.remove()

    def _before(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        kwargs = dict(kwargs)
        self._backbone.begin()
        if self.batch is None:
            self._alone = MicroBatch.take(kwargs) if self._recorder.expects_forward(module) else None
        for key in OURS:
            kwargs.pop(key, None)
        return args, kwargs

    def _after(self, module: nn.Module, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        batch, self._alone = self.batch or self._alone, None
        hidden = self._backbone.end()
        if batch is not None and not batch.tallied:
            forward = Forward(kwargs, outputs, lambda: self._backbone.states(hidden))
            batch.tallied = self._recorder.record(batch, forward)
