"""Which ranks a trainer's windows are summed over."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed

from typetally.tally.ranks import sum_over_group


def sum_over_ranks(flat: torch.Tensor, accelerator: Any) -> torch.Tensor:
    """The sum of `flat` (float64) over the ranks that see different data, on the host."""
    group = _data_group(accelerator)
    if group is distributed.GroupMember.NON_GROUP_MEMBER:
        return flat.cpu()
    return sum_over_group(flat, group, accelerator.device)


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
