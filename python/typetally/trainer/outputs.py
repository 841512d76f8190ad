"""Reads what a model's forward returned into a meter: per-token results, logits, or hidden states, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from typetally.meter import TokenTypeMeter


def tally_outputs(
    meter: TokenTypeMeter,
    outputs: Any,
    *,
    labels: torch.Tensor,
    types: torch.Tensor,
    cu_seqlens: Any,
    shifted: bool,
    logits_to_keep: int | torch.Tensor | None,
) -> None:
    """Adds one micro-batch. `labels` and `types` are [B, T]. Raises ValueError where there is nothing to read."""
    logits = find_logits(outputs)
    if logits is None:
        raise ValueError("[attach] expected logits in the model's outputs, got none")
    meter.update(
        logits=logits.detach(),
        labels=labels,
        token_types=types,
        cu_seqlens=cu_seqlens,
        shifted=shifted,
        logits_to_keep=logits_to_keep if logits.shape[-2] != labels.shape[-1] else None,
    )


def find_logits(outputs: Any) -> torch.Tensor | None:
    """Logits [B, T, V] in a model's output; with `return_dict=False` they are the first tensor that is no scalar."""
    if isinstance(outputs, Mapping):
        logits = outputs.get("logits")
    elif isinstance(outputs, tuple):
        logits = next((value for value in outputs if torch.is_tensor(value) and value.ndim == 3), None)
    else:
        logits = getattr(outputs, "logits", None)
    return logits if torch.is_tensor(logits) else None
