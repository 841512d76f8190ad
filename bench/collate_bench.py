"""Packing a dozen samples of 7,600 tokens, all fields: this library, Transformers, and plain concatenation.

python bench/collate_bench.py
"""

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
    rows: list[tuple[str, Callable[[], object]]] = [
        ("lists: collate_packed", lambda: tt.collate_packed(lists, seq_idx=True)),
        ("lists: DataCollatorWithFlattening (no token_types)", lambda: flatten(lists)),
        ("NumPy: collate_packed", lambda: tt.collate_packed(arrays, seq_idx=True)),
        (
            "NumPy: np.concatenate of three fields",
            lambda: [np.concatenate([s[f] for s in arrays]) for f in TOKEN_FIELDS],
        ),
        ("Torch: collate_packed", lambda: tt.collate_packed(tensors, seq_idx=True)),
        ("Torch: torch.cat of three fields", lambda: [torch.cat([s[f] for s in tensors]) for f in TOKEN_FIELDS]),
    ]
    print(f"{SAMPLES} samples, {TOKENS} tokens, best of 60 rounds")
    for name, call in rows:
        print(f"{name:52} {microseconds(call):9.1f} us")


if __name__ == "__main__":
    main()
