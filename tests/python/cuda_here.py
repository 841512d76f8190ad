"""Tests that need a CUDA device and a build with CUDA: skipped elsewhere, and told why."""

from contextlib import contextmanager

import pytest
import torch

from typetally import _core

MISSING = (
    "built without CUDA"
    if not _core.cuda_built()
    else "no CUDA device"
    if not (torch.cuda.is_available() and _core.cuda_devices())
    else ""
)
needs_device = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@contextmanager
def waiting_is_an_error():
    """Whatever makes the host wait for the device raises."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@contextmanager
def at_most(mebibytes):
    """Fails where the device's memory rises by more meanwhile."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    yield
    torch.cuda.synchronize()
    assert (torch.cuda.max_memory_allocated() - before) / 2**20 <= mebibytes
