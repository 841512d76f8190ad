"""tt.row_stats: kinds of tensors, vocabulary shards, and arguments that do not fit."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typetally.tally.meter import TokenTypeMeter
from typetally.tally.row_stats import row_stats


def truth(logits, labels):
    x = logits.astype(np.float64)
    top = x.max(-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        e = np.exp(x - top)
        s1, s2 = e.sum(-1), np.where(e > 0, (x - top) * e, 0).sum(-1)
    own = np.take_along_axis(x, labels[:, None], -1)
    before = np.arange(x.shape[1])[None] < labels[:, None]
    rank = (x > own).sum(-1) + ((x == own) & before).sum(-1)
    return top[:, 0] - own[:, 0] + np.log(s1), np.log(s1) - s2 / s1, x.argmax(-1), rank


@pytest.mark.parametrize("kind", ["numpy", "torch", "strided", "route"])
def test_what_it_finds_and_its_kind(monkeypatch, kind):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 333)).astype(np.float32), rng.integers(0, 333, 7)
    logits = {"numpy": x, "strided": np.ascontiguousarray(x.T).T}.get(kind, torch.from_numpy(x))
    if kind == "route":
        monkeypatch.setattr(sys.modules["typetally.tally.row_stats"], "on_host", lambda _: False)
    stats = row_stats(logits, y)
    for found, wanted in zip((stats.nll, stats.entropy, stats.argmax, stats.rank), truth(x, y), strict=True):
        assert type(found) is type(logits)
        np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-6 if kind != "route" else 5e-6)
    assert bool(stats.finite.all())
    assert len(stats) == 7


class Exported:
    """A tensor of a library that offers DLPack and nothing else."""

    def __init__(self, tensor):
        self.tensor = tensor
        self.shape = tensor.shape

    def __dlpack__(self, **options):
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_any_library_s_tensors_are_read_where_they_are(dtype):
    x, labels = torch.randn(5, 77).to(dtype), [0, 1, 2, 3, 76]
    found, wanted = row_stats(Exported(x), labels), row_stats(x, labels)
    np.testing.assert_array_equal(found.nll, wanted.nll)
    np.testing.assert_array_equal(found.rank, wanted.rank)
    meter, same = TokenTypeMeter(), TokenTypeMeter()
    meter.update(logits=Exported(x), labels=labels)
    same.update(logits=x, labels=labels)
    assert meter.compute() == same.compute()


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 90), min_size=1, max_size=7),
    st.permutations(range(7)),
    st.sampled_from(["normal", "ties", "masked", "offset"]),
    st.sampled_from([np.float32, np.float16, np.float64]),
)
def test_shards_merge_to_the_whole_row(seed, sizes, order, form, dtype):
    rng = np.random.default_rng(seed)
    rows, vocabulary, bounds = 5, sum(sizes), np.cumsum([0, *sizes])
    x = rng.normal(size=(rows, vocabulary)) * 4
    labels = rng.integers(0, vocabulary, rows)
    if form == "ties":
        x = np.round(x / 4)
    if form == "masked":  # whole shards of -inf among them
        masked = np.repeat(rng.random((rows, len(sizes))) < 0.5, sizes, axis=1) | (rng.random(x.shape) < 0.5)
        masked[np.arange(rows), labels] = False
        x[masked] = -np.inf
    if form == "offset" and dtype is not np.float16:
        x += 1e4
    x = x.astype(dtype)
    own = np.take_along_axis(x, labels[:, None], -1)[:, 0].astype(np.float64)
    shards = [
        row_stats(x[:, bounds[i] : bounds[i + 1]], labels, vocab_offset=int(bounds[i]), label_logits=own)
        for i in range(len(sizes))
    ]
    chosen = [shards[i] for i in order if i < len(shards)]
    merged = chosen[0]
    for shard in chosen[1:]:
        merged = merged.merge(shard)
    nll, entropy, argmax, rank = truth(x, labels)
    np.testing.assert_allclose(merged.nll, nll, atol=1e-6)
    np.testing.assert_allclose(merged.entropy, entropy, atol=1e-6)
    np.testing.assert_array_equal(merged.argmax, argmax)
    np.testing.assert_array_equal(merged.rank, rank)
    assert merged.finite.all()


def test_a_shard_without_the_labels_logit_leaves_the_rank_absent():
    x, labels = np.random.default_rng(1).normal(size=(3, 20)), np.array([1, 12, 19])
    low, high = row_stats(x[:, :10], labels), row_stats(x[:, 10:], labels, vocab_offset=10)
    assert low.rank.tolist()[1:] == [-1, -1]
    assert np.isnan(low.nll[1:]).all()
    merged = high.merge(low)
    assert merged.rank.tolist() == [-1, -1, -1]
    np.testing.assert_allclose(merged.nll, truth(x, labels)[0], atol=1e-6)
    np.testing.assert_array_equal(merged.argmax, truth(x, labels)[2])


def test_a_nonfinite_shard_spoils_the_row_alone():
    x, labels = np.random.default_rng(2).normal(size=(2, 20)), np.array([1, 12])
    x[0, 15] = np.nan
    merged = row_stats(x[:, :10], labels).merge(row_stats(x[:, 10:], labels, vocab_offset=10))
    assert merged.finite.tolist() == [False, True]
    assert np.isnan(merged.nll[0])
    assert np.isfinite(merged.nll[1])


def misaligned():
    raw = np.zeros(4 * 12 + 1, dtype=np.uint8)
    return np.frombuffer(raw[1:].data, dtype=np.float32).reshape(1, 12)


BAD = {
    "a list": (lambda: row_stats([[1.0]], [0]), TypeError),
    "rank": (lambda: row_stats(np.zeros(3), [0]), ValueError),
    "more labels than logits": (lambda: row_stats(np.zeros((2, 3)), [0, 1, 2]), ValueError),
    "a negative label": (lambda: row_stats(np.zeros((2, 3)), [0, -100]), ValueError),
    "zero vocabulary": (lambda: row_stats(np.zeros((2, 0)), [0, 0]), ValueError),
    "integers": (lambda: row_stats(np.zeros((2, 3), dtype=np.int64), [0, 0]), ValueError),
    "complex": (lambda: row_stats(np.zeros((2, 3), dtype=np.complex64), [0, 0]), TypeError),
    "label_logits": (lambda: row_stats(np.zeros((2, 3)), [0, 0], label_logits=[1.0]), ValueError),
    "a negative offset": (lambda: row_stats(np.zeros((2, 3)), [0, 0], vocab_offset=-1), ValueError),
    "a vocabulary above 2^31": (lambda: row_stats(torch.zeros(1).expand(2, 2**31 + 5), [0, 0]), ValueError),
    "misaligned": (lambda: row_stats(misaligned(), [0]), ValueError),
    "labels of floats": (lambda: row_stats(np.zeros((2, 3)), [0.5, 1.0]), TypeError),
    "other rows to merge": (
        lambda: row_stats(np.zeros((2, 3)), [0, 0]).merge(row_stats(np.zeros((1, 3)), [0])),
        ValueError,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_calls(name):
    call, error = BAD[name]
    with pytest.raises(error, match=r"^\[\w+\] expected .*, got "):
        call()


def test_odd_but_right():
    assert len(row_stats(np.zeros((0, 3)), np.zeros(0, dtype=np.int64))) == 0
    readonly = np.zeros((1, 4), dtype=np.float16)
    readonly.flags.writeable = False
    assert row_stats(readonly, [3]).rank.tolist() == [3]
    repeated = np.broadcast_to(np.float32(1.5), (2, 3000))  # strides of 0
    np.testing.assert_allclose(row_stats(repeated, [0, 2999]).nll, np.log(3000), atol=1e-6)
    backwards = np.arange(8, dtype=np.float32).reshape(1, 8)[:, ::-1]
    assert row_stats(backwards, [0]).argmax.tolist() == [0]
