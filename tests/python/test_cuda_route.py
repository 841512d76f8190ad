"""CUDA tensors: what reaches the kernels' door, and, where there is a device, what comes out of it."""

import numpy as np
import pytest
import torch
from tally_cases import batch, compare_routes

from typetally import _core
from typetally.tally import cuda_route
from typetally.tally.meter import TokenTypeMeter
from typetally.tally.row_stats import row_stats
from typetally.tally.torch_route import DeviceSums, read_rows

MISSING = (
    "built without CUDA"
    if not _core.cuda_built()
    else "no CUDA device"
    if not (torch.cuda.is_available() and _core.cuda_devices())
    else ""
)
DTYPES = [torch.float32, torch.float16, torch.bfloat16]


def add_by_torch(logits, rows, labels, types, sums, scratch, stream):
    """What `_core.cuda_add` is for, on host memory."""
    x, labels, types, sums = (torch.from_dlpack(capsule) for capsule in (logits, labels, types, sums))
    assert (labels.dtype, types.dtype, sums.shape) == (torch.int64, torch.int8, (32,))
    x = x.reshape(-1, x.shape[-1])
    assert torch.from_dlpack(scratch).numel() == _core.cuda_scratch(len(labels), x.shape[-1])
    read = read_rows(x if rows is None else x[torch.from_dlpack(rows)], labels)
    read.finite &= read.has_label
    added = DeviceSums(x.device)
    added.add(read, labels, types, labels >= 0)
    sums += added.raw


class Stream:
    cuda_stream = 0


@pytest.mark.parametrize("case", ["padded", "packed", "shifted", "kept"])
@pytest.mark.parametrize("on_device", [False, True])
def test_what_reaches_the_kernels(monkeypatch, case, on_device):
    """The real route up to the binding, with a stand-in behind it, since this needs no device."""
    if on_device and case == "kept":
        pytest.skip("logits_to_keep reads labels on the host")
    logits, labels, types = batch(np.random.default_rng(0), 2, 17, 301)
    x, y, t = torch.from_numpy(logits).float(), torch.from_numpy(labels), torch.from_numpy(types)
    extra = {"cu_seqlens": [0, 5, 5, 20, 34]} if case == "packed" else {"shifted": case == "shifted"}
    if case == "kept":
        x, extra = x[:, -4:], {"logits_to_keep": 4}
    wanted, meter = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True, route="torch")
    wanted.update(logits=x, labels=y, token_types=t, **extra)
    monkeypatch.setattr(cuda_route, "reads", lambda _: True)
    monkeypatch.setattr(_core, "cuda_add", add_by_torch)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Stream)
    if on_device:
        monkeypatch.setattr("typetally.tally.meter.on_host", lambda _: False)
    meter.update(logits=x.requires_grad_(), labels=y, token_types=t, **extra)
    compare_routes(wanted, meter)


@pytest.mark.skipif(_core.cuda_built(), reason="built with CUDA")
def test_a_build_without_cuda_says_so():
    assert _core.cuda_devices() == 0
    assert not cuda_route.reads(torch.zeros(1, 2))


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ["padded", "packed", "shifted", "odd"])
@pytest.mark.parametrize("labels_on_device", [False, True])
def test_the_kernels_agree_with_those_of_the_host_and_wait_for_nothing(dtype, case, labels_on_device):
    logits, labels, types = batch(np.random.default_rng(1), 2, 17, 70_001)
    if case == "odd":
        logits[0, :, :150] = -np.inf
        logits[1, 3], logits[1, 5, 7], logits[1, 7, :] = np.nan, np.inf, -np.inf
        logits[1, 10, labels[1, 11]] = -np.inf
    x, y, t = torch.from_numpy(logits).to(dtype), torch.from_numpy(labels), torch.from_numpy(types)
    extra = {"cu_seqlens": [0, 5, 5, 20, 34]} if case == "packed" else {"shifted": case == "shifted"}
    wanted, meter = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    wanted.update(logits=x, labels=y, token_types=t, **extra)
    there = x.cuda()
    if labels_on_device:
        y, t = y.cuda(), t.cuda()
        extra = {k: torch.tensor(v, device="cuda") if k == "cu_seqlens" else v for k, v in extra.items()}
    meter.update(logits=there, labels=y, token_types=t, **extra)
    meter.reset()
    torch.cuda.set_sync_debug_mode("error")
    try:
        meter.update(logits=there, labels=y, token_types=t, **extra)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    compare_routes(wanted, meter)


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.parametrize("dtype", DTYPES)
def test_row_stats_on_a_device(dtype):
    x, labels = (torch.randn(9, 151_936) * 4).to(dtype), torch.arange(9) * 1000
    found, wanted = row_stats(x.cuda(), labels), row_stats(x, labels)
    assert found.nll.is_cuda
    for name in ("nll", "entropy", "argmax", "rank"):
        torch.testing.assert_close(getattr(found, name).cpu(), getattr(wanted, name), atol=6e-6, rtol=0)
