"""Logits of target rows from hidden states and the output embedding, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from typetally.base.tensors import Tensor, check_memory, is_torch, on_host
from typetally.tally.torch_route import CHUNK_BYTES, chunks, pick_rows

_TILE = 64
"""Rows that a GPU's matrix units take at a time."""

_MULTIPLIES_BY_SCALING = ("hyperclovax",)
"""Model types whose `logits_scaling` multiplies; Granite's and its kin's divides."""


@dataclass(frozen=True)
class LogitTransform:
    """What a model does to its output embedding's product: logits = softcap * tanh(scale * product / softcap)."""

    scale: float = 1.0
    softcap: float | None = None

    @classmethod
    def from_config(cls, config: object | None) -> LogitTransform:
        """Reads a Transformers config, or the text part of one: `logit_scale` (Cohere), `logits_scaling` (Granite) and
        `final_logit_softcapping` (Gemma), where there are any."""

        def value(name: str) -> float | None:
            own = getattr(config, name, None)
            found = getattr(getattr(config, "text_config", None), name, None) if own is None else own
            return float(found) if isinstance(found, int | float) else None

        scale, scaling = value("logit_scale"), value("logits_scaling")
        if scale is None and scaling is not None:
            scale = scaling if getattr(config, "model_type", None) in _MULTIPLIES_BY_SCALING else 1 / scaling
        return cls(1.0 if scale is None else scale, value("final_logit_softcapping") or None)

    def __call__(self, product: Tensor) -> Tensor:
        """The logits, in the memory of `product`: a chunk is as large as it may be."""
        if self.scale != 1.0:
            product *= self.scale
        if self.softcap is None:
            return product
        product /= self.softcap
        product = product.tanh_() if is_torch(product) else np.tanh(product, out=product)
        product *= self.softcap
        return product


class Head(NamedTuple):
    """An output embedding: logits = transform(hidden @ weight.T + bias)."""

    weight: Tensor  # [V, H]
    bias: Tensor | None  # [V]
    transform: LogitTransform


def check_head(hidden: Tensor, weight: Tensor, bias: Tensor | None, operation: str) -> None:
    """Raises TypeError or ValueError unless hidden [..., H], weight [V, H] and bias [V] fit each other."""
    for name, value in (("hidden", hidden), ("weight", weight), ("bias", bias)):
        kind_fits = is_torch(value) == is_torch(hidden) and (is_torch(value) or isinstance(value, np.ndarray))
        if value is not None and not kind_fits:
            raise TypeError(f"[{operation}] expected {name} as Torch or NumPy like hidden, got {type(value).__name__}")
        check_memory(value, operation, name)
    if weight.ndim != 2 or tuple(weight.shape[1:]) != tuple(hidden.shape[-1:]):
        raise ValueError(
            f"[{operation}] expected weight [V, {hidden.shape[-1] if hidden.ndim else 'H'}], got {tuple(weight.shape)}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(f"[{operation}] expected bias [{weight.shape[0]}], got {tuple(bias.shape)}")


def logit_chunks(
    hidden: Tensor, head: Head, places: Tensor, limit: int = CHUNK_BYTES
) -> Iterator[tuple[slice, Tensor]]:
    """For each slice of `places` [N], rows of hidden [..., H], its logits [rows, V], of at most `limit` bytes unless
    one row has more. All are NumPy, or Torch on one device.

    The product is taken in the weight's dtype, since converting the weight would cost as much memory as it.
    """
    weight, bias, transform = head
    if not is_torch(hidden):
        flat = hidden.reshape(-1, hidden.shape[-1])
        for part in chunks(len(places), weight.shape[0], weight.dtype.itemsize, limit):
            product = flat[places[part]].astype(weight.dtype, copy=False) @ weight.T
            if bias is not None:
                product += bias.astype(weight.dtype, copy=False)
            yield part, transform(product)
            del product
        return
    import torch

    with torch.no_grad(), torch.autocast(hidden.device.type, enabled=False):
        added: Any = None if bias is None else bias.detach().to(weight.dtype)
        rows = 1 if on_host(hidden) else _TILE
        for part in chunks(len(places), weight.shape[0], weight.element_size(), limit, rows):
            gathered = pick_rows(hidden.detach(), places[part]).to(weight.dtype)
            yield part, transform(torch.nn.functional.linear(gathered, weight.detach(), added))
