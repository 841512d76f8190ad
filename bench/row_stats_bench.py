"""row_stats against what Torch does for the same figures: one thread, bfloat16, 512 rows of Qwen3's vocabulary.

Prints logits per second and how many times slower than row_stats each peer is, all measured in turn in this run:
eager on all rows at once, in chunks of 16 rows (the size at which it was fastest), and compiled, in the same chunks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

import typetally as tt

ROWS, VOCABULARY, CHUNK = 512, 151936, 16


def statistics(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """nll, entropy, argmax."""
    logp = torch.log_softmax(logits.float(), -1)
    nll = -logp.gather(-1, labels[:, None])[:, 0]
    return nll, -(logp.exp() * logp).sum(-1), logp.argmax(-1)


def in_chunks(function: Callable[..., tuple[torch.Tensor, ...]]) -> Callable[..., tuple[torch.Tensor, ...]]:
    def run(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        parts = [function(x, y) for x, y in zip(logits.split(CHUNK), labels.split(CHUNK), strict=True)]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    return run


def ours(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    stats = tt.row_stats(logits, labels)
    return stats.nll, stats.entropy, stats.argmax


def main() -> None:
    torch.set_num_threads(1)
    tt.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn(ROWS, VOCABULARY, generator=generator) * 3).bfloat16()
    labels = torch.randint(0, VOCABULARY, (ROWS,), generator=generator)
    logits[torch.arange(ROWS), labels] = 20.0
    peers = {"row_stats": ours, "torch, eager": statistics, f"torch, eager, {CHUNK} rows": in_chunks(statistics)}
    peers[f"torch.compile, {CHUNK} rows"] = in_chunks(torch.compile(statistics))
    best = dict.fromkeys(peers, float("inf"))
    wanted = ours(logits, labels)
    with torch.no_grad():
        for turn in range(3):
            for name, peer in peers.items():
                if turn == 0:
                    for found, value in zip(peer(logits[:CHUNK], labels[:CHUNK]), wanted, strict=True):
                        torch.testing.assert_close(found.double(), value[:CHUNK].double(), atol=1e-4, rtol=0)
                begin = time.process_time()
                peer(logits, labels)
                best[name] = min(best[name], time.process_time() - begin)
    for name, seconds in best.items():
        speed = ROWS * VOCABULARY / seconds / 1e9
        print(f"{name:26} {speed:7.3f} G logits/s   {seconds / best['row_stats']:6.1f} x the time of row_stats")


if __name__ == "__main__":
    main()
