"""CUDA tensors: what reaches the kernels' door, and, where there is a device, what comes out of it."""

import numpy as np
import pytest
import torch
from cuda_here import at_most, needs_device, waiting_is_an_error
from tally_cases import batch, compare_routes

from typetally import _core
from typetally.tally import cuda_route
from typetally.tally.meter import TokenTypeMeter
from typetally.tally.row_stats import row_stats
from typetally.tally.torch_route import DeviceSums, read_rows

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


@needs_device
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
    meter.update(logits=there, labels=y, token_types=t, **extra)
    once = meter.flat()
    meter.reset()
    with waiting_is_an_error():
        meter.update(logits=there, labels=y, token_types=t, **extra)
    assert meter.flat().equal(once)  # to the last bit
    compare_routes(wanted, meter)


@needs_device
@pytest.mark.parametrize("dtype", DTYPES)
def test_row_stats_on_a_device(dtype):
    x, labels = (torch.randn(9, 151_936) * 4).to(dtype), torch.arange(9) * 1000
    found, wanted = row_stats(x.cuda(), labels), row_stats(x, labels)
    assert found.nll.is_cuda
    for name in ("nll", "entropy", "argmax", "rank"):
        torch.testing.assert_close(getattr(found, name).cpu(), getattr(wanted, name), atol=6e-6, rtol=0)


@needs_device
@pytest.mark.parametrize("supervised", [1.0, 0.3])
def test_hidden_states_on_a_device(supervised):
    """Labels there too: neither a wait nor more than 64 MiB, and the same as from logits."""
    torch.manual_seed(0)
    tokens, vocabulary, width = 2048, 151_936, 256
    states, weight = torch.randn(1, tokens, width).bfloat16().cuda(), torch.randn(vocabulary, width).bfloat16().cuda()
    labels, types = torch.randint(0, vocabulary, (1, tokens)), torch.randint(1, 4, (1, tokens))
    labels[torch.rand(1, tokens) > supervised] = -100
    most = int((labels[:, 1:] >= 0).sum())
    given = {"hidden": states, "weight": weight / 16, "labels": labels.cuda(), "token_types": types.cuda()}
    wanted, meter = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    wanted.update(logits=states @ (weight / 16).T, labels=labels.cuda(), token_types=types.cuda())
    meter.update_from_hidden(**given, max_targets=most)
    meter.reset()
    with at_most(64), waiting_is_an_error():
        meter.update_from_hidden(**given, max_targets=most)
    a, b = wanted.compute(), meter.compute()
    assert a.keys() == b.keys()
    for name, value in a.items():  # a product of another shape may round otherwise
        assert b[name] == pytest.approx(value, rel=2e-3, abs=2e-3), name


@needs_device
def test_memory_beside_the_logits():
    logits = torch.randn(1, 4096, 151_936, dtype=torch.bfloat16, device="cuda")
    labels = torch.randint(0, 151_936, (1, 4096), device="cuda")
    meter = TokenTypeMeter()
    meter.update(logits=logits, labels=labels)
    with at_most(32), waiting_is_an_error():
        meter.update(logits=logits, labels=labels)


@needs_device
def test_rows_beyond_two_to_the_31_elements():
    rows, vocabulary = 15_000, 151_936
    there = [0, 1, 14_133, 14_134, rows - 1]  # around 2^31 elements
    few = torch.randn(len(there), vocabulary).bfloat16() * 3
    logits = torch.empty(1, rows, vocabulary, dtype=torch.bfloat16, device="cuda")
    logits[0, there] = few.cuda()
    ids, labels = torch.randint(0, vocabulary, (len(there),)), torch.full((1, rows), -100)
    labels[0, there] = ids
    wanted, meter = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    wanted.update(logits=few, labels=ids, shifted=True)
    for where in (labels, labels.cuda()):
        meter.reset()
        meter.update(logits=logits, labels=where, shifted=True)
        compare_routes(wanted, meter)


@needs_device
def test_a_stream_of_the_callers_own():
    logits, labels, types = (torch.from_numpy(a).cuda() for a in batch(np.random.default_rng(2), 2, 64, 151_936))
    wanted, meter, side = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True), torch.cuda.Stream()
    wanted.update(logits=logits.float(), labels=labels, token_types=types)
    with torch.cuda.stream(side):
        side.wait_stream(torch.cuda.default_stream())
        torch.cuda._sleep(200_000_000)  # who reads before this stream is there reads something else
        meter.update(logits=logits.float(), labels=labels, token_types=types)
    torch.cuda.current_stream().wait_stream(side)
    compare_routes(wanted, meter)


@needs_device
def test_memory_that_runs_out_leaves_the_meter_as_it_was():
    logits, labels = torch.randn(1, 2_000_000, 8, device="cuda"), torch.zeros(1, 2_000_000, dtype=torch.int64).cuda()
    meter = TokenTypeMeter()
    meter.update(logits=logits[:, :100], labels=labels[:, :100])
    before = meter.flat()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (64 << 20)) / total)
    try:
        with pytest.raises(torch.OutOfMemoryError):
            meter.update(logits=logits, labels=labels)  # its scratch is 190 MiB
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert meter.flat().equal(before)
    meter.update(logits=logits, labels=labels)
    assert meter.compute()["token_count"] == pytest.approx((99 + 1_999_999) / 2)


@needs_device
def test_arguments_of_two_devices_are_refused_at_the_kernels_door():
    x, y = torch.zeros(4, 7, device="cuda"), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(TypeError):
        _core.cuda_add(x, None, y, y.to(torch.int8), y.double(), y.to(torch.uint8), 0)
    there, sums = y.cuda(), torch.zeros(32, dtype=torch.float64, device="cuda")
    with pytest.raises(ValueError, match="bytes of scratch, got 4"):
        _core.cuda_add(x, None, there, there.to(torch.int8), sums, there.to(torch.uint8), 0)
    scratch = torch.zeros(_core.cuda_scratch(4, 7), dtype=torch.uint8, device="cuda")
    with pytest.raises(ValueError, match="expected 4 types, got 3"):
        _core.cuda_add(x, None, there, there[:3].to(torch.int8), sums, scratch, 0)
    with pytest.raises(RuntimeError, match=r"\[update\] expected CUDA to work, got .+"):
        _core.cuda_add(x.double(), None, there, there.to(torch.int8), sums, scratch, 0)
    assert not sums.any()
