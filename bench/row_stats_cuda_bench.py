"""The CUDA kernels against the device's own copy, Torch eager and compiled, and Triton, by dtype, vocabulary and rows.

Needs a device and a build with CUDA; says so and ends otherwise. Times are medians by CUDA events of the kernels of
`update`, from logits to sums by type. "of copy" is the bandwidth at which the logits are read over that at which the
device copies, which reads and writes, in the same run; below 0.90 at 12,288 rows of 151,936 bfloat16 the benchmark
fails. "error" is the largest difference of nll and entropy from float64. The peers' columns are their times over ours.
Logits that would fit the device's cache are read from many places in turn.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from cuda_timing import copy_bandwidth, milliseconds, missing

import typetally as tt
from typetally.tally import cuda_route

VOCABULARY = 151_936
HEADLINE = (12_288, VOCABULARY, torch.bfloat16)
SHAPES = [
    HEADLINE,
    (12_288, VOCABULARY, torch.float16),
    (12_288, VOCABULARY, torch.float32),
    *((12_288, vocabulary, torch.bfloat16) for vocabulary in (32_000, 128_256, 262_144)),
    *((rows, VOCABULARY, torch.bfloat16) for rows in (64, 512, 4096, 65_536)),
]
LEAST = 0.9
PEER_ROWS = 512  # eager needs six times the memory of its logits in float32
SPREAD = 2 << 30  # bytes over which small logits are spread

Peer = Callable[[torch.Tensor, torch.Tensor], object]


def by_torch(
    logits: torch.Tensor, labels: torch.Tensor, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, ...]:
    log_p = torch.log_softmax(logits.to(dtype), -1)
    return -log_p.gather(-1, labels[:, None])[:, 0], -(log_p.exp() * log_p).sum(-1), log_p.argmax(-1)


@dataclass
class Batch:
    """Rows of logits at several places in memory, one of which is read at each turn."""

    logits: torch.Tensor  # [places, rows, V]
    labels: torch.Tensor
    types: torch.Tensor
    sums: torch.Tensor

    @classmethod
    def make(cls, rows: int, vocabulary: int, dtype: torch.dtype) -> Batch:
        places = max(1, SPREAD // (rows * vocabulary * dtype.itemsize))
        logits = torch.empty(places, rows, vocabulary, dtype=dtype, device="cuda")
        for place in logits:
            place.normal_(std=3)
        labels = torch.randint(0, vocabulary, (rows,), device="cuda")
        types = torch.randint(1, 4, (rows,), dtype=torch.int8, device="cuda")
        return cls(logits, labels, types, torch.zeros(32, dtype=torch.float64, device="cuda"))

    def ours(self, turn: int) -> None:
        cuda_route.add_rows(self.sums, self.logits[turn % len(self.logits)], self.labels, self.types)

    def time_of(self, peer: Peer) -> float:
        """Of all rows, from some."""
        rows = min(len(self.labels), PEER_ROWS)
        parts = self.logits.flatten(0, 1).split(rows)
        labels = self.labels[:rows]
        time = milliseconds(lambda turn: peer(parts[turn % (len(parts) - 1 or 1)], labels), 7)
        return time * len(self.labels) / rows

    def error(self) -> float:
        """Of nll and entropy, in the last rows, which lie farthest from the first."""
        logits, labels = self.logits[-1, -32:], self.labels[-32:]
        found, (nll, entropy, best) = tt.row_stats(logits, labels), by_torch(logits, labels, torch.float64)
        if not found.argmax.equal(best):
            sys.exit(f"expected argmax {best.tolist()}, got {found.argmax.tolist()}")
        return max(float((found.nll - nll).abs().max()), float((found.entropy - entropy).abs().max()))


def peers() -> list[Peer | None]:
    torch._dynamo.reset()  # each shape gets code of its own
    read_rows = None
    if importlib.util.find_spec("triton") is not None:
        from triton_rows import read_rows
    return [by_torch, torch.compile(by_torch, dynamic=False), read_rows]


def measure(copy: float, shape: tuple[int, int, torch.dtype], with_peers: bool) -> float:
    """Prints one line of the table and returns the part of `copy` that is reached."""
    batch = Batch.make(*shape)
    rows, vocabulary, dtype = shape
    time = milliseconds(batch.ours)
    speed = rows * vocabulary * dtype.itemsize / time / 1e6
    name = str(dtype).removeprefix("torch.")
    line = f"{rows:6} {vocabulary:10} {name:>9} {time:9.4f} {speed:6.0f} {speed / copy:8.3f} {batch.error():9.1e}"
    for peer in peers() if with_peers else ():
        line += "         -" if peer is None else f" {batch.time_of(peer) / time:8.1f}x"
    print(line, flush=True)
    return speed / copy


def print_kernels() -> None:
    """Where the time goes at the headline, by the profiler."""
    batch, turns = Batch.make(*HEADLINE), 5
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for turn in range(turns):
            batch.ours(turn)
        torch.cuda.synchronize()
    for event in sorted(profile.key_averages(), key=lambda one: -one.device_time_total):
        if event.device_time_total:
            print(f"  {event.device_time_total / turns / 1e3:8.4f} ms  {event.key[:100]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the headline alone, without peers")
    quick = parser.parse_args().quick
    if missing():
        print(f"skipped: {missing()}")
        return
    copy = copy_bandwidth()
    print(f"{torch.cuda.get_device_name()}, Torch {torch.__version__}: copies at {copy:.0f} GB/s")
    if importlib.util.find_spec("triton") is None:
        print("no figures of Triton: it is not installed")
    print("  rows vocabulary     dtype        ms   GB/s  of copy     error     eager  compiled    triton")
    reached = measure(copy, HEADLINE, not quick)
    for shape in () if quick else SHAPES[1:]:
        measure(copy, shape, True)
        torch.cuda.empty_cache()
    again = copy_bandwidth()
    print(f"copies at {again:.0f} GB/s at the end; {reached:.1%} of the copy's bandwidth at the headline")
    print_kernels()
    if reached < LEAST:
        sys.exit(f"expected at least {LEAST:.0%} of the copy's bandwidth, got {reached:.1%}")


if __name__ == "__main__":
    main()
