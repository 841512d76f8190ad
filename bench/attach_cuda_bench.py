"""What attach costs a training step on a GPU: a decoder with a vocabulary of 151,936, with and without it, in turns.

Needs a device and a build with CUDA; says so and ends otherwise. Prints the median paired difference of the time of
STEPS steps, relative to those without, with a 95 % interval (bootstrap over the pairs); how often Torch makes the host
wait in a step; and how far memory rises in one. A route fails where the interval's upper end is above 1 % (the hidden
route, which makes the targets' logits once more, is spared this), a wait is added, or memory rises by more than 32 MiB
(logits) or 64 MiB (hidden states).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from attach_bench import Side, large, measure
from cuda_timing import count_waits, extra_memory, missing

import typetally as tt

STEPS = 4
PACK = 32
SIZES = {
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 8,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
}
MOST_TIME = 0.01
MOST_MEMORY = {"logits": 32, "hidden states": 64}


class DeviceSide(Side):
    """Its batches come from the trainer's own loader, whose processes type them ahead of time."""

    options: ClassVar[dict[str, Any]] = {
        "bf16": True,
        "dataloader_num_workers": 2,
        "dataloader_persistent_workers": True,
    }

    def __init__(self, case: tuple[Any, Any, list[Any]], attached: bool, route: str) -> None:
        make, processor, samples = case
        super().__init__(lambda: make().to(torch.bfloat16), processor, samples, PACK, attached)
        if route == "hidden states":
            _hide_logits(self.trainer.model)
        self.trainer.model.train()
        self._batches = self._endless()

    def next_batch(self) -> Any:
        return next(self._batches)

    def step(self) -> float:
        """STEPS of them, until the device is done."""
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(STEPS):
            super().step()
        torch.cuda.synchronize()
        return time.perf_counter() - began

    def quiet_step(self) -> None:
        """Without a log line in it."""
        self.steps = 0
        self.step()

    def _endless(self) -> Iterator[Any]:
        loader = self.trainer.get_train_dataloader()
        while True:
            yield from loader


def _hide_logits(model: Any) -> None:
    """As of a model whose loss is made of hidden states."""
    forward = model.forward

    def without(**inputs: Any) -> dict[str, torch.Tensor]:
        return {"loss": forward(**inputs).loss}

    model.forward = without


def compare(route: str, pairs: int) -> list[str]:
    """Prints the figures of one route and returns what was expected in vain."""
    make, processor, samples = large(PACK * 8, **SIZES)
    sides = [DeviceSide((make, processor, samples * 40), attached, route) for attached in (False, True)]
    high = measure(f"{route}, packs of {PACK}, {STEPS} steps", sides, pairs)
    waits = [count_waits(side.quiet_step) for side in sides]
    memory = [extra_memory(side.quiet_step) for side in sides]
    line = {"loss": 0.0}
    waits_of_line = count_waits(lambda: sides[1].trainer.log(line))
    print(
        f"  waits in {STEPS} steps: {waits[0]} without, {waits[1]} with, and {waits_of_line} in a log line; memory "
        f"rises by {memory[0]:.1f} MiB without, {memory[1]:.1f} with; {line.get('token_count', 0):.0f} targets a step"
    )
    wrong = []
    if route == "logits" and high > MOST_TIME:
        wrong.append(f"at most {MOST_TIME:.0%} of time on {route}, got up to {high:.2%}")
    if waits[1] > waits[0] or waits_of_line > 1:
        wrong.append(f"no wait more on {route} but one per line, got {waits[1] - waits[0]} and {waits_of_line}")
    if memory[1] - memory[0] > MOST_MEMORY[route]:
        wrong.append(f"at most {MOST_MEMORY[route]} MiB on {route}, got {memory[1] - memory[0]:.1f}")
    if "token_acc" not in line or "typetally_errors" in line:
        wrong.append(f"a tally of every step on {route}, got {line}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=60)
    pairs = parser.parse_args().pairs
    if missing():
        print(f"skipped: {missing()}")
        return
    print(f"{torch.cuda.get_device_name()}, Torch {torch.__version__}, typetally {tt.__version__}")
    wrong = []
    for route in MOST_MEMORY:
        wrong += compare(route, pairs)
        torch.cuda.empty_cache()
    if wrong:
        sys.exit(f"expected {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
