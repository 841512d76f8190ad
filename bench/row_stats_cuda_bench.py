"""The tally on a GPU: the kernels against the device's own copy, Torch eager and compiled, and a training step.

Needs a device and a build with CUDA; says so and ends otherwise. Times are medians by CUDA events. "of copy" is the
bandwidth at which the logits are read over that at which the device copies, which reads and writes, in the same run.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch

import typetally as tt
from typetally import _core
from typetally.tally import cuda_route

VOCABULARY = 151_936


def milliseconds(call: Callable[[], object], turns: int = 30) -> float:
    for _ in range(3):
        call()
    times = []
    for _ in range(turns):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def copy_bandwidth() -> float:
    """GB/s, bytes read and bytes written."""
    source = torch.empty(2 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / milliseconds(lambda: target.copy_(source)) / 1e6


def by_torch(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    logp = torch.log_softmax(logits.float(), -1)
    return -logp.gather(-1, labels[:, None])[:, 0], -(logp.exp() * logp).sum(-1), logp.argmax(-1)


def tabulate(copy: float) -> None:
    print("  rows vocabulary          dtype       ms    GB/s  of copy   eager compiled")
    compiled = torch.compile(by_torch)
    shapes = [(12_288, VOCABULARY, torch.bfloat16), (12_288, VOCABULARY, torch.float32)]
    shapes += [(4096, size, torch.bfloat16) for size in (32_000, 128_256, VOCABULARY, 262_144)]
    shapes += [(rows, VOCABULARY, torch.bfloat16) for rows in (64, 512, 4096, 65_536)]
    for rows, vocabulary, dtype in shapes:
        logits = torch.empty(rows, vocabulary, dtype=dtype, device="cuda").normal_(std=3)
        labels = torch.randint(0, vocabulary, (rows,), device="cuda")
        types, sums = torch.ones_like(labels), torch.zeros(32, dtype=torch.float64, device="cuda")
        own = milliseconds(lambda x=logits, y=labels, t=types, s=sums: cuda_route.add_rows(s, x, y, t))
        peers = []
        for peer in (by_torch, compiled):
            few = min(rows, 512)  # eager needs 6 times the memory of its logits
            time = milliseconds(lambda p=peer, x=logits[:few], y=labels[:few]: p(x, y), 5) * rows / few
            peers.append(f"{time / own:6.1f}x")
        speed = logits.numel() * logits.element_size() / own / 1e6
        name = str(dtype).removeprefix("torch.")
        print(f"{rows:6} {vocabulary:10} {name:>14} {own:8.3f} {speed:7.0f} {speed / copy:8.2f} {' '.join(peers)}")
        del logits


def head_and_step() -> None:
    """The hidden route against the output embedding's own forward, and what an update adds to a step."""
    rows, width = 4096, 2048
    head = torch.nn.Linear(width, VOCABULARY, bias=False, device="cuda", dtype=torch.bfloat16)
    body = torch.nn.Sequential(*(torch.nn.Linear(width, width, device="cuda", dtype=torch.bfloat16) for _ in range(8)))
    hidden = torch.randn(1, rows, width, device="cuda", dtype=torch.bfloat16)
    labels = torch.randint(0, VOCABULARY, (1, rows))
    meter, there = tt.TokenTypeMeter(), labels.cuda()
    with torch.no_grad():
        forward = milliseconds(lambda: head(hidden))
    route = milliseconds(lambda: meter.update_from_hidden(hidden=hidden, weight=head.weight, labels=labels))
    print(
        f"hidden route {route:.3f} ms, {route / forward:.2f} x the forward of the output embedding ({forward:.3f} ms)"
    )

    def step(tally: bool) -> None:
        logits = head(body(hidden))
        if tally:
            meter.update(logits=logits, labels=there, shifted=True)
        torch.nn.functional.cross_entropy(logits[0].float(), there[0]).backward()

    pairs = [(milliseconds(lambda: step(True), 5), milliseconds(lambda: step(False), 5)) for _ in range(15)]
    gains = sorted(with_ / without - 1 for with_, without in pairs)
    print(f"a step takes {100 * statistics.median(gains):+.2f} % ({100 * gains[0]:+.2f} to {100 * gains[-1]:+.2f})")


def main() -> None:
    if not (torch.cuda.is_available() and _core.cuda_devices()):
        print(f"skipped: {'no CUDA device' if _core.cuda_built() else 'typetally was built without CUDA'}")
        return
    copy = copy_bandwidth()
    print(f"{torch.cuda.get_device_name()}: copies at {copy:.0f} GB/s")
    tabulate(copy)
    head_and_step()


if __name__ == "__main__":
    main()
