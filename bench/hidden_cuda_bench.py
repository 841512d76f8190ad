"""The hidden route on a GPU: its time against the output embedding's own forward, and the memory that it needs.

Needs a device and a build with CUDA; says so and ends otherwise. Times are medians by CUDA events; labels are on the
device, a part of them supervised. "product" is the same product of target rows alone, in the same chunks, without
reading it. More than 64 MiB, or a wait for the device, fails the benchmark.
"""

from __future__ import annotations

import sys

import torch
from cuda_timing import count_waits, extra_memory, milliseconds, missing

import typetally as tt
from typetally.tally.device_route import CHUNK_BYTES
from typetally.tally.hidden import Head, LogitTransform, logit_chunks

VOCABULARY = 151_936
MOST = 64


class Batch:
    def __init__(self, tokens: int, width: int, supervised: float) -> None:
        self.weight = torch.empty(VOCABULARY, width, device="cuda", dtype=torch.bfloat16).normal_(std=width**-0.5)
        self.hidden = torch.randn(1, tokens, width, device="cuda", dtype=torch.bfloat16)
        self.labels = torch.randint(0, VOCABULARY, (1, tokens), device="cuda")
        self.labels[torch.rand(1, tokens, device="cuda") > supervised] = -100
        self.targets = int((self.labels[:, 1:] >= 0).sum())
        self.rows = (self.labels[0, 1:] >= 0).nonzero()[:, 0]
        self.types = torch.randint(1, 4, (1, tokens), dtype=torch.int8, device="cuda")
        self.meter = tt.TokenTypeMeter()

    def forward(self, _: int = 0) -> None:
        with torch.no_grad():
            torch.nn.functional.linear(self.hidden, self.weight)

    def route(self, _: int = 0, chunk_bytes: int | None = None) -> None:
        given = {"hidden": self.hidden, "weight": self.weight, "labels": self.labels, "token_types": self.types}
        self.meter.update_from_hidden(**given, max_targets=self.targets, chunk_bytes=chunk_bytes)

    def product(self, _: int = 0) -> None:
        for _ in logit_chunks(self.hidden, Head(self.weight, None, LogitTransform()), self.rows, CHUNK_BYTES):
            pass


def main() -> None:
    if missing():
        print(f"skipped: {missing()}")
        return
    failed = []
    print(f"{torch.cuda.get_device_name()}, Torch {torch.__version__}, {VOCABULARY} ids, bfloat16, ms")
    print(" tokens targets width  forward    route  of it  product  read      MiB  waits  28 MiB  112 MiB")
    for tokens, width, supervised in ((4096, 2048, 1.0), (8192, 2048, 0.3), (4096, 4096, 1.0)):
        batch = Batch(tokens, width, supervised)
        batch.route()
        memory, waits = extra_memory(batch.route), count_waits(batch.route)
        forward, route, product = (milliseconds(call, 15) for call in (batch.forward, batch.route, batch.product))
        others = [milliseconds(lambda turn, b=batch, s=size: b.route(turn, s << 20), 15) for size in (28, 112)]
        print(
            f"{tokens:7} {batch.targets:7} {width:5} {forward:8.3f} {route:8.3f} {route / forward:6.2f} {product:8.3f} "
            f"{route / product - 1:5.0%} {memory:8.1f} {waits:6} {others[0]:7.3f} {others[1]:8.3f}",
            flush=True,
        )
        if memory > MOST or waits:
            failed.append(f"at most {MOST} MiB and no wait, got {memory:.1f} MiB and {waits}")
    if failed:
        sys.exit(f"expected {'; '.join(failed)}")


if __name__ == "__main__":
    main()
