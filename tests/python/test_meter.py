"""TokenTypeMeter against a float64 recomputation, and against itself over splits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tally_cases import batch, check, expected

from typetally.tally.meter import TokenTypeMeter


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shifted", [False, True])
def test_update_equals_a_float64_recomputation(dtype, shifted):
    rng = np.random.default_rng(0)
    logits, labels, types = batch(rng, 3, 17, 301)
    logits = torch.from_numpy(logits).to(dtype)
    meter = TokenTypeMeter(extended=True)
    meter.update(
        logits=logits.requires_grad_(),
        labels=torch.from_numpy(labels),
        token_types=torch.from_numpy(types),
        shifted=shifted,
    )
    check(meter, expected(logits.detach().double().numpy(), labels, types, shifted=shifted))


@pytest.mark.parametrize("kind", ["numpy", "list", "torch", "int32", "readonly", "strided"])
def test_the_kind_of_tensor_changes_nothing(kind):
    logits, labels, types = batch(np.random.default_rng(1), 2, 9, 33)
    plain, meter = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    plain.update(logits=logits, labels=labels, token_types=types)
    x, y, t = logits.copy(), labels, types
    if kind == "list":
        y, t = labels.tolist(), types.tolist()
    if kind == "torch":
        x, y, t = torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(t).to(torch.int8)
    if kind == "int32":
        y, t = labels.astype(np.int32), types.astype(np.int16)
    if kind == "readonly":
        x.flags.writeable = False
    if kind == "strided":
        x = np.ascontiguousarray(logits.transpose(2, 0, 1)).transpose(1, 2, 0)[:, ::-1][:, ::-1]
    meter.update(logits=x, labels=y, token_types=t)
    assert meter.compute() == plain.compute()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_padded_packed_and_merged_agree(seed, lengths):
    """Documents alone, packed in one row, and in meters of their own that merge."""
    rng = np.random.default_rng(seed)
    docs = [batch(rng, 1, n, 13) for n in lengths]
    alone, merged, packed = (TokenTypeMeter(extended=True) for _ in range(3))
    for logits, labels, types in docs:
        alone.update(logits=logits, labels=labels, token_types=types)
        one = TokenTypeMeter()
        one.update(logits=logits[0], labels=labels[0], token_types=types[0])
        merged.merge(one)
    logits, labels, types = (np.concatenate(parts, axis=1) for parts in zip(*docs, strict=True))
    packed.update(logits=logits, labels=labels, token_types=types, cu_seqlens=np.cumsum([0, *lengths]))
    np.testing.assert_allclose(merged.flat(), alone.flat(), rtol=1e-12)
    np.testing.assert_allclose(packed.flat()[:-3], alone.flat()[:-3], rtol=1e-12)
    assert (packed.flat()[-3], alone.flat()[-3]) == (1, len(lengths))


def test_compute_is_empty_without_targets_but_batches_count():
    logits, labels, types = batch(np.random.default_rng(2), 1, 5, 7, supervised=1)
    meter, extended = TokenTypeMeter(), TokenTypeMeter(extended=True)
    for empty in (meter, extended):
        empty.update(logits=logits, labels=np.full_like(labels, -100), token_types=types)
        assert empty.compute() == {}
    meter.update(logits=logits, labels=labels, token_types=None)
    assert meter.compute().keys() == {"loss", "token_acc", "token_count"}
    assert meter.compute()["token_count"] == 2.0
    meter.reset()
    assert meter.compute() == {}
    meter.add_error()
    assert meter.compute() == {"typetally_errors": 1.0}


def test_a_config_that_is_none_is_refused():
    with pytest.raises(TypeError, match=r"\[TokenTypeMeter\] expected config as a TokenTypeMetricsConfig, got dict"):
        TokenTypeMeter({"extended": True})


@pytest.mark.parametrize("name", ["logits", "labels", "token_types"])
def test_a_tensor_without_memory_is_refused(name):
    inputs = {"logits": torch.zeros(1, 3, 5), "labels": torch.ones(1, 3, dtype=torch.long)}
    inputs["token_types"] = torch.ones(1, 3, dtype=torch.int8)
    meter = TokenTypeMeter()
    with pytest.raises(ValueError, match=rf"\[update\] expected {name} on a device with memory, got a tensor on meta"):
        meter.update(**(inputs | {name: inputs[name].to("meta")}))
    assert meter.compute() == {}


def test_state_is_exact():
    logits, labels, types = batch(np.random.default_rng(3), 2, 11, 23)
    meter, other = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    meter.update(logits=logits, labels=labels, token_types=types)
    meter.add_skipped(2)
    other.load_state_dict(meter.state_dict())
    assert other.compute() == meter.compute()
    assert TokenTypeMeter.from_flat(meter.flat(), extended=True).compute() == meter.compute()
    assert meter.compute()["skipped_samples"] == 2
