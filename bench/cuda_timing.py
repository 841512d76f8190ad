"""Times and memory on a CUDA device, for the benchmarks beside this file."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable

import torch

from typetally import _core

WAITS = "synchronizing CUDA operation"


def missing() -> str:
    """Why nothing can be measured; empty where it can."""
    if not _core.cuda_built():
        return "typetally was built without CUDA"
    return "" if torch.cuda.is_available() and _core.cuda_devices() else "no CUDA device"


def milliseconds(call: Callable[[int], object], turns: int = 30, warm: int = 3) -> float:
    """The median time that the device takes for call(turn). It sleeps first, while the host puts everything into its
    queue, so that what the host takes is no part of it."""
    for turn in range(warm):
        call(turn)
    times = []
    for turn in range(turns):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda._sleep(2_000_000)  # cycles: about a millisecond
        begin.record()
        call(turn)
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def copy_bandwidth() -> float:
    """GB/s of a copy on the device, bytes read and bytes written."""
    source = torch.empty(2 << 30, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    return 2 * source.numel() / milliseconds(lambda _: target.copy_(source)) / 1e6


def extra_memory(call: Callable[[], object]) -> float:
    """MiB that a call needs beside what is there before it; call it once before, for what stays."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def count_waits(call: Callable[[], object]) -> int:
    """How often Torch makes the host wait for the device in a call."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum(WAITS in str(warning.message) for warning in caught)
