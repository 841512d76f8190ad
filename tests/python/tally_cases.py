"""Batches, and what design section 5 makes of them in float64 from whole softmaxes."""

import numpy as np
import pytest

NAMES = {1: "desc", 2: "coord", 3: "format"}


def batch(rng, rows, columns, vocabulary, supervised=0.7):
    logits = rng.normal(size=(rows, columns, vocabulary)) * 3
    labels = rng.integers(0, vocabulary, size=(rows, columns))
    labels[rng.random((rows, columns)) > supervised] = -100
    types = np.where(labels >= 0, rng.choice([-1, 1, 2, 3], size=labels.shape), -1)
    return logits, labels, types


def expected(logits, labels, types, cu_seqlens=None, shifted=False, batches=1):
    """Design section 5, from whole softmaxes in float64."""
    vocabulary = logits.shape[-1]
    x, y, t = logits.reshape(-1, vocabulary).astype(np.float64), labels.reshape(-1), types.reshape(-1)
    bounds = np.arange(0, y.size + 1, labels.shape[-1]) if cu_seqlens is None else np.asarray(cu_seqlens)
    firsts = set() if shifted else set(bounds[:-1].tolist())
    rows = [(i if shifted else i - 1, i) for i in range(y.size) if y[i] >= 0 and i not in firsts]
    found = []
    for row, i in rows:
        logp = x[row] - x[row].max()
        logp = logp - np.log(np.exp(logp).sum())
        found.append(
            (
                t[i],
                -logp[y[i]],
                logp.argmax() == y[i],
                -(np.exp(logp) * logp).sum(),
                (logp > logp[y[i]]).sum() + (logp[: y[i]] == logp[y[i]]).sum() < 5,
            )
        )
    kinds, nll, correct, entropy, top5 = (np.array(column) for column in zip(*found, strict=True))
    out = {
        "loss": nll.mean(),
        "token_acc": correct.mean(),
        "token_count": len(rows) / batches,
        "token_acc_top5": top5.mean(),
        "tokens_total": len(rows),
        "typed_frac": (kinds > 0).mean(),
        "skipped_samples": 0,
        "nonfinite_tokens": 0,
    }
    text = (kinds == 1) | (kinds == 3)
    if text.any():
        out["text_token_acc"] = correct[text].mean()
    for kind, name in NAMES.items():
        of = kinds == kind
        if of.any():
            out |= {
                f"{name}_token_acc": correct[of].mean(),
                f"{name}_entropy": entropy[of].mean(),
                f"{name}_token_count": of.sum() / batches,
                f"{name}_loss": nll[of].mean(),
                f"{name}_token_acc_top5": top5[of].mean(),
                f"{name}_token_frac": of.mean(),
            }
    return out


def check(meter, wanted, tolerance=1e-6):
    got = meter.compute()
    assert got.keys() == wanted.keys()
    for key, value in wanted.items():
        assert got[key] == pytest.approx(value, abs=tolerance), key


def compare_routes(ours, theirs):
    """Meters of two routes: counts exactly, sums within 5e-6 per target."""
    a, b = (np.asarray(meter.state_dict()["sums"]) for meter in (ours, theirs))
    counts = [i for i in range(35) if i >= 32 or i % 8 < 6]
    np.testing.assert_array_equal(a[counts], b[counts])
    np.testing.assert_allclose(a, b, atol=5e-6 * max(1, a[:32:8].sum()))
