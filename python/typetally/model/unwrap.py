"""Finds the modules to hook inside what a trainer calls its model."""

from __future__ import annotations

from typing import cast

from torch import nn
from torch.nn.parallel import DistributedDataParallel


def unwrap(model: nn.Module) -> nn.Module:
    """The outermost module below DDP and `torch.compile`. Under PEFT that is the PeftModel: its tuner may call the
    inner model's `forward` directly, past any hook there."""
    while True:
        if hasattr(model, "_orig_mod"):
            model = cast(nn.Module, model._orig_mod)
        elif isinstance(model, DistributedDataParallel):
            model = model.module
        else:
            return model


def causal_lm(model: nn.Module) -> nn.Module:
    """The model whose output embedding makes the logits: `model` itself, or what a PeftModel wraps."""
    base = getattr(model, "get_base_model", None)
    return cast(nn.Module, base()) if callable(base) else model
