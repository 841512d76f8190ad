"""A peer for row_stats_cuda_bench.py: nll, entropy and argmax of rows of logits by one Triton kernel that reads them
once, a block of columns at a time."""

from __future__ import annotations

import torch
import triton
import triton.language as tl


@triton.jit
def _read_rows(logits, labels, nll, entropy, argmax, stride, vocabulary, BLOCK: tl.constexpr):  # noqa: N803
    row = tl.program_id(0).to(tl.int64)
    first = logits + row * stride
    lanes = tl.arange(0, BLOCK)
    # Not -inf, whose difference with itself is NaN.
    top = tl.full([], -3e38, tl.float32)
    best = tl.full([], 0, tl.int32)
    s1 = tl.zeros([BLOCK], tl.float32)
    s2 = tl.zeros([BLOCK], tl.float32)
    for begin in range(0, vocabulary, BLOCK):
        columns = begin + lanes
        x = tl.load(first + columns, mask=columns < vocabulary, other=float("-inf")).to(tl.float32)
        own, at = tl.max(x, 0, return_indices=True)
        raised = tl.maximum(own, top)
        shift = top - raised
        best = tl.where(own > top, begin + at, best)
        scale = tl.exp(shift)
        t = tl.maximum(x - raised, -200.0)
        weight = tl.exp(t)
        s2 = scale * (s2 + shift * s1) + t * weight
        s1 = scale * s1 + weight
        top = raised
    total = tl.sum(s1, 0)
    label = tl.load(labels + row)
    log_total = tl.log(total)
    tl.store(nll + row, top - tl.load(first + label).to(tl.float32) + log_total)
    tl.store(entropy + row, log_total - tl.sum(s2, 0) / total)
    tl.store(argmax + row, best)


def read_rows(
    logits: torch.Tensor, labels: torch.Tensor, block: int = 8192, warps: int = 8
) -> tuple[torch.Tensor, ...]:
    """nll, entropy and argmax [R] of logits [R, V], contiguous in V."""
    rows, vocabulary = logits.shape
    nll, entropy = (torch.empty(rows, dtype=torch.float32, device=logits.device) for _ in range(2))
    argmax = torch.empty(rows, dtype=torch.int32, device=logits.device)
    _read_rows[(rows,)](
        logits, labels, nll, entropy, argmax, logits.stride(0), vocabulary, BLOCK=block, num_warps=warps
    )
    return nll, entropy, argmax
