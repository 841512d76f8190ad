"""The last hidden state of a model's forward and the output embedding that makes logits of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from typetally.model.unwrap import causal_lm


@dataclass
class HiddenStates:
    """What logits are made of where a forward made none."""

    hidden: torch.Tensor  # [B, T, H], detached
    weight: torch.Tensor  # [V, H]
    bias: torch.Tensor | None  # [V]
    config: object


@dataclass
class LastHidden:
    """What a backbone made."""

    hidden: torch.Tensor  # [B, T, H], detached
    product: torch.dtype  # in which the model would have applied its output embedding

    @classmethod
    def of(cls, hidden: torch.Tensor) -> LastHidden:
        device = hidden.device.type
        autocast = torch.is_autocast_enabled(device)
        return cls(hidden.detach(), torch.get_autocast_dtype(device) if autocast else hidden.dtype)


class Backbone:
    """Keeps the last hidden state of the forward that runs, by a hook on the model below the output embedding."""

    def __init__(self, module: nn.Module) -> None:
        self._model = causal_lm(module)
        self._last: LastHidden | None = None
        self._open = False
        backbone = _backbone(self._model)
        # Not disabled for torch.compile, as the outer hooks are: it traces an assignment without breaking the graph.
        self._handle = None if backbone is None else backbone.register_forward_hook(self._keep)

    def remove(self) -> None:
        if self._handle is not None:
            self._handle.remove()

    def begin(self) -> None:
        """A forward of the whole model begins."""
        self._last, self._open = None, True

    def end(self) -> LastHidden | None:
        """It has ended. Returns what its backbone made; None where no hook could see it."""
        last, self._last, self._open = self._last, None, False
        return last

    def states(self, last: LastHidden | None) -> HiddenStates:
        """With the output embedding; a sharded one is gathered, in which every rank takes part. Raises ValueError where
        the model does not let logits be made."""
        embedding: Any = getattr(self._model, "get_output_embeddings", None)
        head: Any = embedding() if callable(embedding) else None
        reason = refusal(head) if last is not None else "no hidden states of a backbone"
        if reason is not None or last is None:
            raise ValueError(f"[attach] expected logits, per-token results or hidden states in outputs, got {reason}")
        weight, bias = whole(head.weight), getattr(head, "bias", None)
        # Never to a wider type, which would cost more memory than the model has.
        weight = weight.to(last.product) if last.product.itemsize < weight.dtype.itemsize else weight
        bias = None if bias is None else whole(bias)
        return HiddenStates(last.hidden.to(weight.device), weight, bias, getattr(self._model, "config", None))

    def _keep(self, module: nn.Module, args: Any, outputs: Any) -> None:
        if self._open:
            hidden = getattr(outputs, "last_hidden_state", None)
            hidden = outputs[0] if hidden is None and isinstance(outputs, tuple) else hidden
            self._last = LastHidden.of(hidden) if torch.is_tensor(hidden) else None


def _backbone(model: nn.Module) -> nn.Module | None:
    """The model without its output embedding. Models whose `base_model_prefix` is empty call it `model`."""
    found = getattr(model, "base_model", None)
    found = getattr(model, "model", None) if found is None or found is model else found
    return found if isinstance(found, nn.Module) else None


def refusal(head: Any) -> str | None:
    """Why logits cannot be made by an output embedding; None: they can."""
    weight = getattr(head, "weight", None)
    if not torch.is_tensor(weight) or weight.ndim not in (1, 2):
        return "hidden states and no output embedding with a weight [V, H]"
    if hasattr(head, "base_layer"):
        return f"hidden states and an output embedding under an adapter ({type(head).__name__}); leave it out of LoRA"
    if hasattr(weight, "ds_id"):
        return "hidden states and an output embedding that DeepSpeed ZeRO-3 has partitioned; use stage 2 or FSDP2"
    return None


def whole(weight: torch.Tensor) -> torch.Tensor:
    """A parameter that FSDP2 or tensor parallelism has sharded, gathered."""
    if not isinstance(weight, DTensor):
        return weight.detach()
    gathered: torch.Tensor = weight.detach().full_tensor()  # type: ignore[attr-defined]
    return gathered
