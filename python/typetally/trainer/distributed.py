"""The one exchange between ranks."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed


def sum_over_ranks(flat: torch.Tensor, accelerator: Any) -> torch.Tensor:
    """The sum of `flat` (float64) over the ranks that see different data, on the host."""
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        group = _data_group(accelerator)
        if group is not distributed.GroupMember.NON_GROUP_MEMBER:
            flat = flat.to(accelerator.device)
            distributed.all_reduce(flat, group=group)
    return flat.cpu()


def _data_group(accelerator: Any) -> Any:
    """Data-parallel times context-parallel; None: all ranks. Tensor-parallel ranks see the same data: counting them
    would count it twice."""
    config = getattr(accelerator, "parallelism_config", None)
    mesh = getattr(accelerator, "torch_device_mesh", None)
    if config is None or mesh is None or config.tp_size <= 1:
        return None
    if not config.dp_cp_dim_names:
        return distributed.GroupMember.NON_GROUP_MEMBER
    return mesh["dp_cp"].get_group()
