"""Logits, hidden states and per-token results mean the same; so do cut-down logits and other routes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tally_cases import batch, check, compare_routes, expected

from typetally.tally.device_route import DeviceBatch, add_logits
from typetally.tally.meter import TokenTypeMeter
from typetally.tally.torch_route import DeviceSums


class Config:
    def __init__(self, **values):
        self.__dict__.update(values)


def head_batch(rng, rows=2, columns=23, hidden=16, vocabulary=211):
    _, labels, types = batch(rng, rows, columns, vocabulary)
    states = rng.normal(size=(rows, columns, hidden)).astype(np.float32)
    weight = (rng.normal(size=(vocabulary, hidden)) * 0.7).astype(np.float32)
    bias = rng.normal(size=vocabulary).astype(np.float32)
    return states, weight, bias, labels, types


CONFIGS = {
    "plain": (None, lambda x: x),
    "softcap": (Config(final_logit_softcapping=7.0), lambda x: 7.0 * np.tanh(x / 7.0)),
    "cohere": (Config(logit_scale=0.25), lambda x: x * 0.25),
    "granite": (Config(text_config=Config(logits_scaling=8.0)), lambda x: x / 8.0),
    "hyperclovax": (Config(model_type="hyperclovax", logits_scaling=2.0), lambda x: x * 2.0),
    "none": (Config(final_logit_softcapping=None), lambda x: x),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("chunk_bytes", [1, 3000, 64 << 20])
def test_hidden_states_agree_with_logits(name, kind, chunk_bytes):
    states, weight, bias, labels, types = head_batch(np.random.default_rng(0))
    config, transform = CONFIGS[name]
    a, b = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    a.update(logits=transform(states @ weight.T + bias).astype(np.float32), labels=labels, token_types=types)
    put = torch.from_numpy if kind == "torch" else np.asarray
    b.update_from_hidden(
        hidden=put(states),
        weight=put(weight),
        bias=put(bias),
        labels=labels,
        token_types=types,
        model_config=config,
        chunk_bytes=chunk_bytes,
    )
    check(b, a.compute(), 2e-6)


def test_hidden_states_take_a_gradient_and_half_precision():
    states, weight, _, labels, types = head_batch(np.random.default_rng(1))
    h, w = torch.from_numpy(states).requires_grad_(), torch.from_numpy(weight).bfloat16().requires_grad_()
    a, b = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    b.update_from_hidden(hidden=h, weight=w, labels=labels, token_types=types)
    a.update(logits=(h.detach().bfloat16() @ w.detach().T), labels=labels, token_types=types)
    check(b, a.compute(), 0.05)  # bfloat16 products of other shapes may round otherwise
    assert h.grad is None
    assert w.grad is None


@pytest.mark.parametrize("shifted", [False, True])
def test_tokens_agree_with_logits(shifted):
    logits, labels, types = batch(np.random.default_rng(2), 3, 19, 67)
    logits = logits.astype(np.float32)
    x = logits.astype(np.float64)
    logp = x - x.max(-1, keepdims=True)
    logp -= np.log(np.exp(logp).sum(-1, keepdims=True))
    rows = logp if shifted else np.concatenate([logp[:, :1], logp[:, :-1]], axis=1)  # row i scores label i
    nll = -np.take_along_axis(rows, np.maximum(labels, 0)[..., None], -1)[..., 0]
    entropy = -(np.exp(rows) * rows).sum(-1)
    a = TokenTypeMeter()
    a.update(logits=logits, labels=labels, token_types=types, shifted=shifted)
    for extra in ({"predicted": rows.argmax(-1)}, {"correct": rows.argmax(-1) == labels}):
        c = TokenTypeMeter()
        c.update_from_tokens(nll=nll, entropy=entropy, labels=labels, token_types=types, shifted=shifted, **extra)
        check(c, a.compute())
        counts = [k for k in a.compute() if "count" in k or "acc" in k]
        assert [c.compute()[k] for k in counts] == [a.compute()[k] for k in counts]


def test_a_metric_without_its_input_has_no_key():
    logits, labels, types = batch(np.random.default_rng(3), 1, 30, 11, supervised=1)
    meter = TokenTypeMeter(extended=True)
    ones = np.ones(labels.shape)
    meter.update_from_tokens(nll=ones, correct=ones > 0, labels=labels, token_types=types)
    assert not [key for key in meter.compute() if "entropy" in key or "top5" in key]
    both = TokenTypeMeter(extended=True)
    both.update(logits=logits, labels=labels, token_types=types)
    alone = both.compute()
    both.merge(meter)  # ratios are over the targets that have the input
    assert both.compute()["coord_entropy"] == alone["coord_entropy"]
    assert both.compute()["token_acc_top5"] == alone["token_acc_top5"]
    assert both.compute()["loss"] == pytest.approx((alone["loss"] + 1) / 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.booleans(), st.booleans())
def test_a_number_to_keep(seed, keep, shifted, cut):
    rng = np.random.default_rng(seed)
    logits, labels, types = batch(rng, 2, 9, 13)
    kept = keep if 0 < keep < 9 else 9
    labels[:, : 9 - kept + (0 if shifted else 1)] = -100  # what is supervised has logits
    whole, meter = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    whole.update(logits=logits, labels=labels, token_types=types, shifted=shifted)
    if cut:
        labels, types = labels[:, -kept:], types[:, -kept:]
    meter.update(logits=logits[:, -kept:], labels=labels, token_types=types, logits_to_keep=keep, shifted=shifted)
    np.testing.assert_array_equal(meter.flat(), whole.flat())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 7), min_size=1, max_size=5), st.sampled_from("mtf"))
def test_a_mask_to_keep_as_ms_swift_makes_it(seed, lengths, form):
    """swift.trainers: labels without the ignored ones, one -100 before; logits where the next label is supervised."""
    rng = np.random.default_rng(seed)
    total, bounds = sum(lengths), np.cumsum([0, *lengths])
    logits, labels, types = batch(rng, 1, total, 13)
    labels[:, 0] = -100
    mask = labels[0] >= 0
    keep = np.append(mask[1:], True)
    cut_labels = np.concatenate([[[-100]], labels[:, mask]], axis=1)
    cut_types = np.concatenate([[[-1]], types[:, mask]], axis=1)
    whole, meter = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True)
    whole.update(logits=logits, labels=labels, token_types=types, cu_seqlens=bounds)
    meter.update(
        logits=logits[:, keep],
        labels=labels if form == "f" else cut_labels,
        token_types=types if form != "t" else cut_types,
        cu_seqlens=bounds,
        logits_to_keep=torch.from_numpy(keep) if form == "m" else keep,
    )
    np.testing.assert_array_equal(meter.flat(), whole.flat())


def test_positions_to_keep_as_transformers_take_them():
    logits, labels, types = batch(np.random.default_rng(5), 2, 9, 13, supervised=1)
    at = np.array([1, 4, 5, 8])
    picked = np.full_like(labels, -100)
    picked[:, [2, 5, 6]] = labels[:, [2, 5, 6]]
    whole, meter = TokenTypeMeter(), TokenTypeMeter()
    whole.update(logits=logits, labels=picked, token_types=types)
    meter.update(logits=logits[:, at], labels=labels, token_types=types, logits_to_keep=at)
    np.testing.assert_array_equal(meter.flat(), whole.flat())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", ["padded", "packed", "shifted", "kept", "odd"])
@pytest.mark.parametrize("on_device", [False, True])
def test_the_torch_route_agrees_with_the_kernels(monkeypatch, dtype, case, on_device):
    monkeypatch.setattr("typetally.tally.torch_route.CHUNK_BYTES", 5000)
    logits, labels, types = batch(np.random.default_rng(6), 2, 17, 301)
    if case == "odd":
        logits[0, :, :150] = -np.inf
        logits[1, 3], logits[1, 5, 7], logits[1, 7, :] = np.nan, np.inf, -np.inf
        logits[1, 9] = 1.0
        logits[1, 10, labels[1, 11]] = -np.inf
    x = torch.from_numpy(logits).to(dtype)
    extra = {"cu_seqlens": [0, 5, 5, 20, 34]} if case == "packed" else {"shifted": case == "shifted"}
    if case == "kept":
        x, extra = x[:, -4:], {"logits_to_keep": 4}
    ours, theirs = TokenTypeMeter(extended=True), TokenTypeMeter(extended=True, route="torch")
    ours.update(logits=x, labels=labels, token_types=types, **extra)
    if on_device:  # as for labels that are on the device: every position is read, and masked
        if case == "kept":
            pytest.skip("logits_to_keep reads labels on the host")
        monkeypatch.setattr("typetally.tally.meter.on_host", lambda _: False)
    theirs.update(logits=x, labels=torch.from_numpy(labels), token_types=torch.from_numpy(types), **extra)
    compare_routes(ours, theirs)
    merged = TokenTypeMeter(extended=True)
    merged.merge(theirs)
    assert merged.compute() == theirs.compute()
    merged.load_state_dict(theirs.state_dict())
    assert merged.compute() == theirs.compute()


def test_the_torch_route_reads_hidden_states():
    states, weight, bias, labels, types = (torch.from_numpy(a) for a in head_batch(np.random.default_rng(7)))
    ours, theirs = TokenTypeMeter(), TokenTypeMeter(route="torch")
    for meter in (ours, theirs):
        meter.update_from_hidden(hidden=states, weight=weight, bias=bias, labels=labels, token_types=types)
    compare_routes(ours, theirs)


@pytest.mark.parametrize("extra", [{}, {"shifted": True}, {"cu_seqlens": [0, 5, 5, 20, 34]}], ids=str)
@pytest.mark.parametrize("entropies", [True, False])
@pytest.mark.parametrize("given", ["predicted", "correct"])
def test_the_torch_route_reads_tokens(extra, entropies, given):
    rng = np.random.default_rng(10)
    _, labels, types = (torch.from_numpy(a) for a in batch(rng, 2, 17, 4))
    nll, entropy = torch.from_numpy(rng.gamma(2.0, size=(2, 17))), torch.from_numpy(rng.random((2, 17)))
    nll[0, 3], nll[1, 4], entropy[1, 6] = np.nan, np.inf, np.nan
    predicted = torch.from_numpy(rng.integers(0, 4, size=(2, 17)))
    right = {"predicted": predicted} if given == "predicted" else {"correct": predicted == labels}
    results = {"nll": nll, "entropy": entropy if entropies else None, **right}
    ours, theirs = TokenTypeMeter(), TokenTypeMeter(route="torch")
    for meter in (ours, theirs):
        meter.update_from_tokens(labels=labels, token_types=types, **results, **extra)
    compare_routes(ours, theirs)
    with pytest.raises(
        ValueError, match=r"\[update_from_tokens\] expected nll as a tensor of \(2, 17\), got \(2, 16\)"
    ):
        theirs.update_from_tokens(labels=labels, **results | {"nll": nll[:, 1:]})


def test_sums_on_a_device_without_float64(monkeypatch):
    """Pairs of float32 keep what one float32 would lose."""
    monkeypatch.setattr("typetally.tally.torch_route.wide", lambda _: torch.float32)
    logits, labels, types = batch(np.random.default_rng(8), 1, 40, 50)
    x, y, t = torch.from_numpy(logits).float(), torch.from_numpy(labels), torch.from_numpy(types)
    sums = DeviceSums(x.device)
    add_logits(sums, x, DeviceBatch("update", y, t, None, False))
    once = sums.flat().numpy()[:32]
    for _ in range(3000):
        sums._accumulate(torch.from_numpy(once).float().view(4, 8))
    np.testing.assert_allclose(sums.flat().numpy()[:32], 3001 * once, rtol=1e-6)


def test_nonfinite_targets_are_left_out_and_counted_by_type():
    logits, labels, types = batch(np.random.default_rng(9), 1, 12, 9, supervised=1)
    types[:] = 2
    clean = TokenTypeMeter(extended=True)
    spoiled = labels.copy()
    spoiled[0, [3, 6, 8]] = -100
    clean.update(logits=logits, labels=spoiled, token_types=types)
    logits[0, 2, 4], logits[0, 5, 0], logits[0, 7, labels[0, 8]] = np.nan, np.inf, -np.inf
    meter = TokenTypeMeter(extended=True)
    meter.update(logits=logits, labels=labels, token_types=types)
    assert meter.compute()["nonfinite_tokens"] == 3
    assert meter.compute() == clean.compute() | {"nonfinite_tokens": 3.0}
    check(clean, expected(logits, spoiled, types) | {"nonfinite_tokens": 0})
