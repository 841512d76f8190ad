"""Our CUDA kernels on Torch tensors, where they were built in: `pip install -C cmake.define.TYPETALLY_CUDA=ON`.

They read each target row once, on the caller's stream, and nothing here waits for the device.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from typetally import _core

if TYPE_CHECKING:
    import torch


@cache
def _devices() -> int:
    """Devices that the kernels can use: 0 without a driver, or with one that is older than their runtime."""
    return _core.cuda_devices()


def reads(logits: torch.Tensor) -> bool:
    """Whether our kernels read `logits`. Asks the driver for CUDA tensors alone: that must not happen before a fork."""
    import torch

    fits = logits.is_cuda and torch.version.cuda is not None
    return fits and logits.dtype in (torch.bfloat16, torch.float16, torch.float32) and _devices() > 0


def wait(logits: torch.Tensor) -> None:
    """Waits for what makes `logits`."""
    import torch

    torch.cuda.current_stream(logits.device).synchronize()


def add_rows(
    sums: torch.Tensor,
    logits: torch.Tensor,
    labels: torch.Tensor,
    types: torch.Tensor,
    rows: torch.Tensor | None = None,
) -> None:
    """Adds rows of logits [..., V] to sums [KINDS * COLUMNS], float64; labels and types are [R], negative labels no
    targets; rows [R] (None: all, in order) are numbered over the leading dimensions. All are on one device."""
    import torch

    count = labels.numel()
    scratch = torch.empty(_core.cuda_scratch(count, logits.shape[-1]), dtype=torch.uint8, device=logits.device)
    _core.cuda_add(
        _exported(logits),
        None if rows is None else _exported(rows),
        _exported(labels.to(torch.int64)),
        _exported(types.to(torch.int8)),
        _exported(sums),
        _exported(scratch),
        torch.cuda.current_stream(logits.device).cuda_stream,
    )


def _exported(tensor: torch.Tensor) -> Any:
    """A DLPack capsule; the stream -1 asks for no order between streams, since the kernels run on the current one."""
    return tensor.detach().__dlpack__(stream=-1)
