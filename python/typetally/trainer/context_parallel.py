"""Deals labels and their types out to context-parallel ranks, as a trainer deals out its batch."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import torch
from torch import nn

LABELS_KEY, TYPES_KEY = "typetally_labels", "typetally_types"


def deal_out(deal: Any, inputs: MutableMapping[str, Any], labels: torch.Tensor, types: torch.Tensor) -> None:
    """`deal` makes the context that cuts its `buffers` [B, T] in place along T (a partial of Accelerator's
    `maybe_context_parallel`); labels and types, both shifted, join them and the inputs."""
    for key, values in ((LABELS_KEY, labels), (TYPES_KEY, types)):
        inputs[key] = values
        deal.keywords["buffers"].append(values)
        deal.keywords["buffer_seq_dims"].append(1)
        deal.keywords["no_restore_buffers"].add(values)


def deals(deal: Any) -> bool:
    """Whether the batch is going to be cut."""
    return "buffers" in (getattr(deal, "keywords", None) or {})


def shift(values: torch.Tensor, fill: int) -> torch.Tensor:
    """Position t gets what stood at t + 1."""
    return nn.functional.pad(values, (0, 1), value=fill)[..., 1:].contiguous()


def counts_samples(accelerator: Any) -> bool:
    """Whether this is the one among the ranks with the same rows that counts their samples."""
    mesh: Any = getattr(accelerator, "torch_device_mesh", None)
    names = getattr(mesh, "mesh_dim_names", None) or ()
    return "cp" not in names or mesh["cp"].get_local_rank() == 0
