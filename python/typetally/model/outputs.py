"""Reads what a model's forward returned into a meter: per-token results, logits, or hidden states, in this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from typetally.base.token_type import IGNORE_INDEX
from typetally.model.head import HiddenStates
from typetally.tally.meter import TokenTypeMeter


@dataclass
class Forward:
    """One forward of a model."""

    inputs: dict[str, Any]
    outputs: Any
    hidden: Callable[[], HiddenStates]  # raises ValueError where the forward had none


@dataclass
class TokenResults:
    """What TRL's models (1.15 and later) return in place of logits. Each is [B, T - 1], of label t + 1 at t, or [B, T]
    where the trainer shifted the labels; columns of virtual tokens come before them."""

    log_probs: torch.Tensor
    is_top1: torch.Tensor
    entropy: torch.Tensor | None
    label_mask: torch.Tensor | None  # False: a label that was ignored, whose results are zeros


@dataclass
class Labels:
    """What outputs are scored against; labels and types are [B, T]."""

    labels: torch.Tensor
    types: torch.Tensor
    cu_seqlens: Any
    shifted: bool
    most: int | None = None  # targets at most, where that is known without reading labels on a device

    def beside(self, tensor: torch.Tensor) -> Labels:
        """On the device of `tensor`: a model spread over several ends on another one than its inputs."""
        labels, types = (part.to(tensor.device, non_blocking=True) for part in (self.labels, self.types))
        return replace(self, labels=labels, types=types)


Readable = TokenResults | HiddenStates | torch.Tensor


def read_forward(forward: Forward) -> Readable:
    """The cheapest thing to tally that a forward made; a tensor is logits [B, T, V]. Raises ValueError where it made
    nothing of the three."""
    results = find_token_results(forward.outputs)
    if results is not None:
        return results
    logits = find_logits(forward.outputs)
    return forward.hidden() if logits is None else logits


def tally_outputs(
    meter: TokenTypeMeter, read: Readable, target: Labels, logits_to_keep: int | torch.Tensor | None
) -> None:
    """Adds one micro-batch. Raises ValueError where shapes do not fit."""
    if isinstance(read, TokenResults):
        _tally_tokens(meter, read, target)
        return
    target = target.beside(read.hidden if isinstance(read, HiddenStates) else read)
    common: dict[str, Any] = {
        "labels": target.labels,
        "token_types": target.types,
        "cu_seqlens": target.cu_seqlens,
        "shifted": target.shifted,
    }
    columns = target.labels.shape[-1]
    # Prompt tuning puts virtual tokens before the labelled ones.
    if isinstance(read, HiddenStates):
        hidden = read.hidden[..., -columns:, :]
        head: dict[str, Any] = {"weight": read.weight, "bias": read.bias, "model_config": read.config}
        meter.update_from_hidden(hidden=hidden, max_targets=target.most, **head, **common)
        return
    kept = logits_to_keep if read.shape[-2] != columns else None
    logits = read.detach() if kept is not None else read.detach()[..., -columns:, :]
    meter.update(logits=logits, logits_to_keep=kept, **common)


def find_logits(outputs: Any) -> torch.Tensor | None:
    """Logits [B, T, V] in a model's output; with `return_dict=False` they are the first tensor that is no scalar."""
    if isinstance(outputs, tuple):
        return next((value for value in outputs if torch.is_tensor(value) and value.ndim == 3), None)
    return _tensor(outputs, "logits")


def find_token_results(outputs: Any) -> TokenResults | None:
    """Per-token results in a model's output; both log_probs and is_top1, or they are none."""
    log_probs, is_top1 = _tensor(outputs, "log_probs"), _tensor(outputs, "is_top1")
    if log_probs is None or is_top1 is None:
        return None
    return TokenResults(log_probs, is_top1, _tensor(outputs, "entropy"), _tensor(outputs, "label_mask"))


def _tensor(outputs: Any, name: str) -> torch.Tensor | None:
    value = outputs.get(name) if isinstance(outputs, Mapping) else getattr(outputs, name, None)
    return value if torch.is_tensor(value) else None


def _tally_tokens(meter: TokenTypeMeter, results: TokenResults, target: Labels) -> None:
    columns = target.labels.shape[-1]
    shifted_too = target.shifted and results.log_probs.shape[-1] >= columns
    width = columns if shifted_too else columns - 1
    room = (0, columns - width) if target.shifted else (columns - width, 0)

    def beside_labels(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(values.detach()[..., values.shape[-1] - width :], room)

    labels = target.labels
    if results.label_mask is not None:
        scored = beside_labels(results.label_mask).to(labels.device)
        labels = labels.masked_fill(~scored, IGNORE_INDEX)
    meter.update_from_tokens(
        nll=-beside_labels(results.log_probs),
        correct=beside_labels(results.is_top1),
        entropy=None if results.entropy is None else beside_labels(results.entropy),
        labels=labels,
        token_types=target.types,
        cu_seqlens=target.cu_seqlens,
        shifted=target.shifted,
    )
