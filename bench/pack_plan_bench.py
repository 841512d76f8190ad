"""Planning packs: time, waste and distance to the lower bound, by number of samples and by distribution of lengths.

    python bench/pack_plan_bench.py [largest number of samples, default 10000000]

Times are wall clock, the best of three. Peers run in the same process where they are installed: seqpacker, LightBinPack
(lightbinpack), binpacking, TRL.
"""

import sys
import timeit
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

import typetally as tt

CAPACITY = 8192
Lengths = NDArray[np.int64]


def lognormal(rng: np.random.Generator, n: int) -> Lengths:
    """Chat data: median 600 tokens, a long tail, some beyond the capacity."""
    return rng.lognormal(np.log(600), 1.0, n).clip(8, 131072).astype(np.int64)


def pictures(rng: np.random.Generator, n: int) -> Lengths:
    """Four of five samples hold a picture of about 1,400 tokens."""
    text = rng.lognormal(np.log(180), 0.9, n)
    return (text + np.where(rng.random(n) < 0.8, rng.normal(1400, 350, n).clip(64), 0)).clip(8).astype(np.int64)


def one_size(rng: np.random.Generator, n: int) -> Lengths:
    """The same with pictures of one size, of which a pack holds few: neither plan nor bound can be full."""
    text = rng.lognormal(np.log(180), 0.9, n)
    return (text + np.where(rng.random(n) < 0.8, 1400, 0)).clip(8).astype(np.int64)


def long_documents(rng: np.random.Generator, n: int) -> Lengths:
    """About half the capacity each: the hardest to pair."""
    return rng.normal(4096, 512, n).clip(100, 8192).astype(np.int64)


def best_seconds(call: Callable[[], object], rounds: int = 3) -> float:
    return min(timeit.repeat(call, number=1, repeat=rounds))


def by_size(largest: int) -> None:
    print(f"log-normal lengths, capacity {CAPACITY}\n{'samples':>12} {'ms':>10} {'ns/sample':>10}")
    n = 100_000
    while n <= largest:
        lengths = lognormal(np.random.default_rng(42), n)
        seconds = best_seconds(lambda: tt.plan_packs(lengths, CAPACITY))  # noqa: B023
        print(f"{n:12} {seconds * 1e3:10.1f} {seconds / n * 1e9:10.1f}")
        n *= 10


def by_distribution(n: int) -> None:
    print(f"\n{n} samples\n{'lengths':16} {'packs':>8} {'bound':>8} {'above bound':>12} {'efficiency':>11} {'ms':>8}")
    for make in (lognormal, pictures, long_documents, one_size):
        lengths = make(np.random.default_rng(42), n)
        plan = tt.plan_packs(lengths, CAPACITY)
        seconds = best_seconds(lambda: tt.plan_packs(lengths, CAPACITY))  # noqa: B023
        packs = len(plan) - plan.oversized
        print(
            f"{make.__name__:16} {packs:8} {plan.lower_bound:8} {plan.gap or 0:12.4%} {plan.efficiency:11.4%} "
            f"{seconds * 1e3:8.1f}"
        )


def peers(lengths: Lengths) -> Iterator[tuple[str, Callable[[], int]]]:
    """Name and a call that returns the number of packs, for what is installed."""
    yield "typetally", lambda: len(tt.plan_packs(lengths, CAPACITY))
    listed = lengths.tolist()
    try:
        from seqpacker import pack_sequences

        yield "seqpacker", lambda: len(pack_sequences(listed, CAPACITY).packs)
    except ImportError:
        print("seqpacker is not installed")
    try:
        from lightbinpack import obfd

        yield "LightBinPack obfd", lambda: len(obfd(listed, CAPACITY))
    except ImportError:
        print("lightbinpack is not installed")
    try:
        from datasets import Dataset, disable_progress_bars
        from trl import pack_dataset

        disable_progress_bars()
        rows = Dataset.from_dict({"input_ids": [[0] * length for length in listed]})
        yield "TRL pack_dataset", lambda: len(pack_dataset(rows, CAPACITY, strategy="bfd"))
    except ImportError:
        print("trl is not installed")
    try:
        from binpacking import to_constant_volume

        yield "binpacking", lambda: len(to_constant_volume(listed[:5_000], CAPACITY))
    except ImportError:
        print("binpacking is not installed")


def main() -> None:
    by_size(int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000)
    by_distribution(1_000_000)
    n = 100_000
    lengths = lognormal(np.random.default_rng(42), n).clip(max=CAPACITY)
    print(f"\n{n} samples (binpacking: 5000)")
    print(f"{'':20} {'ms':>10} {'packs':>8}")
    for name, call in peers(lengths):
        print(f"{name:20} {best_seconds(call) * 1e3:10.1f} {call():8}")


if __name__ == "__main__":
    main()
