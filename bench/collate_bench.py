"""Packing a dozen samples of 7,600 tokens, all fields: this library, Transformers, and plain concatenation.

python bench/collate_bench.py
"""

import sys
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import DataCollatorWithFlattening

import typetally as tt

SAMPLES = 12
TOKENS = 7600
TOKEN_FIELDS = ("input_ids", "labels", "token_types")


def make_samples(kind: Callable[[np.ndarray[Any, Any]], Any]) -> list[dict[str, Any]]:
    """Samples of different lengths that sum to TOKENS, one value per token in each field."""
    cuts = np.sort(np.random.default_rng(0).choice(np.arange(1, TOKENS), SAMPLES - 1, replace=False))
    values = np.random.default_rng(1).integers(1000, 150_000, (2, TOKENS))
    fields = (values[0], np.where(values[1] % 2 == 0, -100, values[0]), values[1] % 4)
    parts = [np.split(field, cuts) for field in fields]
    return [{name: kind(part[i]) for name, part in zip(TOKEN_FIELDS, parts, strict=True)} for i in range(SAMPLES)]


def microseconds(call: Callable[[], object]) -> float:
    """The best of sixty short rounds, per call: on a busy machine some of them are undisturbed."""
    timer = timeit.Timer(call)
    loops = max(1, timer.autorange()[0] // 40)
    return min(timer.repeat(60, loops)) / loops * 1e6


def main() -> None:
    lists, arrays = make_samples(np.ndarray.tolist), make_samples(np.array)
    tensors = make_samples(lambda values: torch.tensor(values))
    flatten = DataCollatorWithFlattening(return_flash_attn_kwargs=True, return_seq_idx=True)
    # Ours, a peer, and how many times as long the peer must take at least.
    rows: list[tuple[str, Callable[[], object], str, Callable[[], object], int]] = [
        (
            "lists: collate_packed",
            lambda: tt.collate_packed(lists, seq_idx=True),
            "lists: DataCollatorWithFlattening (no token_types)",
            lambda: flatten(lists),
            15,
        ),
        (
            "NumPy: collate_packed",
            lambda: tt.collate_packed(arrays, seq_idx=True),
            "NumPy: np.concatenate of three fields",
            lambda: [np.concatenate([s[f] for s in arrays]) for f in TOKEN_FIELDS],
            1,
        ),
        (
            "Torch: collate_packed",
            lambda: tt.collate_packed(tensors, seq_idx=True),
            "Torch: torch.cat of three fields",
            lambda: [torch.cat([s[f] for s in tensors]) for f in TOKEN_FIELDS],
            1,
        ),
    ]
    print(f"{SAMPLES} samples, {TOKENS} tokens, best of 60 rounds")
    slow = []
    for name, call, peer_name, peer_call, times in rows:
        ours, peer = microseconds(call), microseconds(peer_call)
        print(f"{name:52} {ours:9.1f} us")
        print(f"{peer_name:52} {peer:9.1f} us")
        if ours * times > peer:
            slow.append(
                f"{name} took {ours:.1f} us: at most 1/{times} of {peer_name} is allowed, {peer / times:.1f} us"
            )
    if slow:
        sys.exit("\n".join(slow))


if __name__ == "__main__":
    main()
