"""The one exchange between ranks: a sum of one flat vector."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed


def sum_over_group(flat: torch.Tensor, group: Any = None, device: torch.device | None = None) -> torch.Tensor:
    """The sum of `flat` (float64) over the ranks of a process group (None: all), on the host; `flat` itself where there
    is one rank. `device`: where the exchange takes place; by default where the backend takes tensors.

    Every rank of the group has to call it. It waits for the others for the group's own time-out at most, then raises
    what the backend raises.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size(group) < 2:
        return flat.cpu()
    exchanged = flat.to(_device_of(group, flat) if device is None else device, copy=True)
    distributed.all_reduce(exchanged, group=group)
    return exchanged.cpu()


def _device_of(group: Any, flat: torch.Tensor) -> torch.device:
    """NCCL takes nothing from the host; gloo takes both."""
    needs_cuda = "nccl" in str(distributed.get_backend(group)) and flat.device.type == "cpu"
    return torch.device("cuda", torch.cuda.current_device()) if needs_cuda else flat.device
